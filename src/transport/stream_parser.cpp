#include "stream_parser.hpp"

#include <algorithm>
#include <cassert>
#include <fmt/core.h>
#include <utility>

namespace xen_drbd::transport {

namespace {

constexpr std::string_view save_magic("Xen saved domain, xl format\n \0 \r", 32);
constexpr std::uint64_t configuration_max = 1U << 20;
constexpr std::uint64_t libxl_body_max = 1U << 30;
constexpr std::uint64_t libxc_body_max = 128U << 20; // what libxc itself takes
constexpr std::uint32_t optional_bit = 0x80000000U;

std::uint32_t byte_at(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }
std::uint32_t little32(std::string_view bytes, std::size_t at) {
  return byte_at(bytes, at) | byte_at(bytes, at + 1) << 8U | byte_at(bytes, at + 2) << 16U |
         byte_at(bytes, at + 3) << 24U;
}
std::uint32_t big32(std::string_view bytes, std::size_t at) {
  return byte_at(bytes, at) << 24U | byte_at(bytes, at + 1) << 16U | byte_at(bytes, at + 2) << 8U |
         byte_at(bytes, at + 3);
}
std::uint32_t big16(std::string_view bytes, std::size_t at) {
  return byte_at(bytes, at) << 8U | byte_at(bytes, at + 1);
}

namespace libxl {
constexpr std::uint32_t end = 0, libxc_context = 1, emulator_xenstore = 2, emulator_context = 3;
bool known(std::uint32_t type) { return type == emulator_xenstore || type == emulator_context; }
} // namespace libxl

namespace libxc {
constexpr std::uint32_t end = 0, page_data = 1, verify = 0xd, static_data_end = 0x10, msr_policy = 0x12;
// CHECKPOINT (0xe) and its list of dirty frames (0xf) are left out: they change the framing, and no migration has them
bool known(std::uint32_t type) { return type <= verify || (type >= static_data_end && type <= msr_policy); }
} // namespace libxc

} // namespace

StreamParser::Want StreamParser::want() const {
  if (state_ == State::end_held || state_ == State::unknown) return {Want::Kind::nothing, 0};
  if (payload_ > 0) return {Want::Kind::payload, payload_};
  return {Want::Kind::framing, expected_ - piece_.size()};
}

void StreamParser::feed(std::string_view framing) {
  assert(want().kind == Want::Kind::framing && framing.size() <= want().bytes);
  piece_ += framing;
  if (piece_.size() == expected_) complete();
}

void StreamParser::passed(std::uint64_t payload) {
  assert(want().kind == Want::Kind::payload && payload <= payload_);
  payload_ -= payload;
  if (payload_is_pages_) page_bytes_ += payload;
}

std::string StreamParser::take() { return std::exchange(out_, {}); }
std::string StreamParser::take_held() { return std::exchange(held_, {}); }

void StreamParser::expect(Part part, std::uint64_t bytes) {
  part_ = part;
  expected_ = bytes;
  piece_.clear();
}

void StreamParser::let_through() { (preamble_ ? held_ : out_) += piece_; }

void StreamParser::object(std::string why) {
  state_ = State::unknown;
  objection_ = std::move(why);
  held_ += piece_;
}

void StreamParser::complete() {
  switch (part_) {
  case Part::save_header: return save_header();
  case Part::configuration: let_through(); return expect(Part::libxl_header, 16);
  case Part::libxl_header: return libxl_header();
  case Part::libxl_record: return libxl_record();
  case Part::image_header: return image_header();
  case Part::domain_header:
    let_through();
    out_ += std::exchange(held_, {});
    preamble_ = false;
    state_ = State::records;
    return expect(Part::libxc_record, 8);
  case Part::libxc_record: return libxc_record();
  }
}

void StreamParser::save_header() {
  const std::uint32_t mandatory = little32(piece_, 36);
  const std::uint32_t length = little32(piece_, 44);
  if (std::string_view(piece_).substr(0, 32) != save_magic) return object("the stream does not begin as xl's do");
  if (little32(piece_, 32) != 0x01020304U) return object("the stream is of another byte order");
  if ((mandatory & ~3U) != 0 || (mandatory & 2U) == 0)
    return object(fmt::format("the stream's mandatory flags are {:#x}", mandatory));
  if (length > configuration_max) return object(fmt::format("the domain's configuration has {} bytes", length));
  let_through();
  if (length > 0)
    expect(Part::configuration, length);
  else
    expect(Part::libxl_header, 16);
}

void StreamParser::libxl_header() {
  if (std::string_view(piece_).substr(0, 8) != "LibxlFmt") return object("the libxl header has another mark");
  if (big32(piece_, 8) != 2) return object(fmt::format("the libxl stream has version {}", big32(piece_, 8)));
  if (big32(piece_, 12) != 0) return object(fmt::format("the libxl stream has options {:#x}", big32(piece_, 12)));
  let_through();
  expect(Part::libxl_record, 8);
}

void StreamParser::libxl_record() {
  const std::uint32_t type = little32(piece_, 0);
  const std::uint32_t length = little32(piece_, 4);
  if (type == libxl::libxc_context) {
    if (in_libxc_seen_ || length != 0) return object("the libxl stream has an odd LIBXC_CONTEXT record");
    in_libxc_seen_ = true;
    let_through();
    return expect(Part::image_header, 24);
  }
  if (preamble_) return object(fmt::format("the first libxl record has type {:#x}", type));
  if (type == libxl::end) {
    if (length != 0) return object(fmt::format("the libxl END record has {} bytes", length));
    state_ = State::end_held;
    held_ = std::exchange(piece_, {});
    return;
  }
  if (!libxl::known(type) && (type & optional_bit) == 0)
    return object(fmt::format("the libxl stream has a record of the unknown type {:#x}", type));
  if (length > libxl_body_max) return object(fmt::format("libxl record {:#x} has {} bytes", type, length));
  let_through();
  body(length, Part::libxl_record, false);
}

void StreamParser::image_header() {
  const std::uint32_t version = big32(piece_, 12);
  if (std::any_of(piece_.begin(), piece_.begin() + 8, [](char byte) { return byte != '\xff'; }) ||
      std::string_view(piece_).substr(8, 4) != "XENF")
    return object("the libxc header has another mark");
  if (version != 2 && version != 3) return object(fmt::format("the libxc stream has version {}", version));
  if (big16(piece_, 16) != 0) return object(fmt::format("the libxc stream has options {:#x}", big16(piece_, 16)));
  let_through();
  expect(Part::domain_header, 16);
}

void StreamParser::libxc_record() {
  const std::uint32_t type = little32(piece_, 0);
  const std::uint32_t length = little32(piece_, 4);
  if (!libxc::known(type) && (type & optional_bit) == 0)
    return object(fmt::format("the libxc stream has a record of the unknown type {:#x}", type));
  if (length > libxc_body_max) return object(fmt::format("libxc record {:#x} has {} bytes", type, length));
  if (type == libxc::end && length != 0) return object(fmt::format("the libxc END record has {} bytes", length));
  let_through();
  body(length, type == libxc::end ? Part::libxl_record : Part::libxc_record, type == libxc::page_data);
}

void StreamParser::body(std::uint64_t length, Part next, bool pages) {
  payload_ = (length + 7) & ~std::uint64_t{7};
  payload_is_pages_ = pages;
  expect(next, 8);
}

} // namespace xen_drbd::transport
