#pragma once
// Streams for the tests of the transport room, as xl 4.17 writes them.

#include "answer_parser.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace test_stream {

inline std::string little(std::uint32_t value) {
  std::string bytes;
  for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(value >> shift & 0xffU);
  return bytes;
}
inline std::string big(std::uint32_t value) {
  const std::string bytes = little(value);
  return {bytes.rbegin(), bytes.rend()};
}
inline std::string record(std::uint32_t type, std::string_view body) {
  std::string bytes = little(type) + little(static_cast<std::uint32_t>(body.size())) + std::string(body);
  bytes.resize((bytes.size() + 7) / 8 * 8, '\0');
  return bytes;
}

inline std::string save_header(std::uint32_t length, std::uint32_t mandatory = 3, std::uint32_t order = 0x01020304) {
  return std::string("Xen saved domain, xl format\n \0 \r", 32) + little(order) + little(mandatory) + little(0) +
         little(length);
}
inline std::string libxl_header(std::uint32_t version = 2, std::uint32_t options = 0) {
  return "LibxlFmt" + big(version) + big(options);
}
inline std::string libxc_header(std::uint32_t version = 3, std::uint32_t options = 0) {
  return std::string(8, '\xff') + "XENF" + big(version) + big(options << 16U) + std::string(4, '\0') + little(2) +
         little(12) + little(4) + little(17);
}
inline std::string preamble(std::string_view configuration = "{\"c_info\":{\"name\":\"vm1\"}}") {
  return save_header(static_cast<std::uint32_t>(configuration.size())) + std::string(configuration) + libxl_header() +
         record(1, "") + libxc_header();
}
inline const std::string end_record = record(0, "");

/// A small whole stream without its last record: `pages` bytes in PAGE_DATA records, and some other records.
inline std::string body(std::size_t pages = 5000) {
  return preamble() + record(0x10, "") + record(0x11, "cpuid") + record(1, std::string(pages, 'p')) +
         record(0x80000001, "optional") + record(1, std::string(13, 'q')) + record(9, "hvm context") + record(0, "") +
         record(2, "xenstore data") + record(3, std::string(333, 'e'));
}

} // namespace test_stream
