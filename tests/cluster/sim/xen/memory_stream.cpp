#include "xen/memory_stream.hpp"

#include <algorithm>
#include <cerrno>
#include <unistd.h>

namespace sim {

using namespace std::string_literals;

const std::string banner_message = "xl migration receiver ready, send binary domain data.\n";
const std::string ready_message = "domain received, ready to unpause\0"s;
const std::string go_message = "domain is yours, you are cleared to unpause\0"s;
const std::string report_message = "my copy unpause results are as follows\0"s;

namespace {

std::string big_endian(std::uint64_t value, int bytes) {
  std::string text = little_endian(value, bytes);
  std::ranges::reverse(text);
  return text;
}

} // namespace

std::uint32_t padded(std::uint32_t length) { return (length + 7U) & ~7U; }

std::string little_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) { text += static_cast<char>((value >> (8 * i)) & 0xff); }
  return text;
}

std::uint64_t from_little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) { value = (value << 8) | static_cast<unsigned char>(bytes[i]); }
  return value;
}

std::string save_header(std::string_view config_json) {
  const auto config_size = config_json.size() + 1; // with its NUL
  std::string header = "Xen saved domain, xl format\n \0 \r"s;
  header += little_endian(0x01020304, 4);
  header += little_endian(3, 4); // JSON configuration, a stream of version 2
  header += little_endian(0, 4);
  header += little_endian(config_size + 4, 4);
  header += little_endian(config_size, 4);
  header.append(config_json).push_back('\0');
  return header;
}

std::string libxl_header() { return "LibxlFmt" + big_endian(2, 4) + big_endian(0, 4); }

std::string libxc_headers(const std::string& type) {
  std::string image(8, '\xff');
  image += big_endian(0x58454E46, 4) + big_endian(3, 4) + big_endian(0, 2) + std::string(6, '\0');
  return image + little_endian(type == "pv" ? 1 : 2, 4) + little_endian(12, 2) + little_endian(0, 2) +
         little_endian(4, 4) + little_endian(17, 4);
}

std::string make_record(std::uint32_t type, std::string_view body) {
  std::string text = little_endian(type, 4) + little_endian(body.size(), 4);
  text.append(body);
  text.append(padded(static_cast<std::uint32_t>(body.size())) - body.size(), '\0');
  return text;
}

std::string page_batch(std::uint64_t first, std::uint32_t count, std::uint64_t step) {
  std::string body = little_endian(count, 4) + little_endian(0, 4);
  body.reserve(8 + std::size_t{count} * (8 + page_size));
  for (std::uint32_t i = 0; i < count; ++i) { body += little_endian(first + i * step, 8); }
  for (std::uint32_t i = 0; i < count; ++i) {
    body += little_endian(first + i * step, 8);
    body.append(page_size - 16, static_cast<char>(i));
    body += little_endian(~(first + i * step), 8);
  }
  return make_record(record::page_data, body);
}

std::int64_t check_pages(std::string_view body) {
  if (body.size() < 8) { return -1; }
  const auto count = from_little_endian(body.substr(0, 4));
  if (body.size() != 8 + count * (8 + page_size)) { return -1; }
  std::int64_t highest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto frame = from_little_endian(body.substr(8 + i * 8, 8));
    const auto page = body.substr(8 + count * 8 + i * page_size, page_size);
    if (from_little_endian(page.substr(0, 8)) != frame || from_little_endian(page.substr(page_size - 8)) != ~frame) {
      return -1;
    }
    highest = std::max(highest, static_cast<std::int64_t>(frame));
  }
  return highest;
}

bool StreamWriter::write(std::string_view bytes) {
  constexpr std::int64_t piece = 65536;
  while (!bytes.empty()) {
    auto want = std::min(piece, static_cast<std::int64_t>(bytes.size()));
    if (const auto stop = faults_.next_byte("migrate-stream", sent_)) { want = std::min(want, *stop - sent_); }
    const ssize_t n = ::write(fd_, bytes.data(), static_cast<std::size_t>(want));
    if (n < 0 && errno == EINTR) { continue; }
    if (n <= 0) { return false; }
    sent_ += n;
    bytes.remove_prefix(static_cast<std::size_t>(n));
    faults_.at_byte("migrate-stream", sent_);
    if (rate_ > 0) { pause_for(begun_ + static_cast<double>(sent_) / rate_ - World::now()); }
  }
  return true;
}

bool StreamReader::read(std::size_t count, std::string& into) {
  into.resize(count);
  std::size_t have = 0;
  while (have < count) {
    const ssize_t n = ::read(fd_, into.data() + have, std::min<std::size_t>(count - have, 65536));
    if (n < 0 && errno == EINTR) { continue; }
    if (n <= 0) { return false; }
    have += static_cast<std::size_t>(n);
    received_ += n;
    faults_.at_byte("receive-stream", received_);
  }
  return true;
}

bool StreamReader::expect(std::string_view message) {
  std::string came;
  return read(message.size(), came) && came == message;
}

} // namespace sim
