#pragma once
// The migration stream of xl: one save file header, the libxl stream around the libxc stream, three fixed messages back
// and forth. Little endian unless said.
//
//   from the target   banner
//   to the target     xl save header (48 bytes) and the configuration; libxl header (16, big endian);
//                     libxl record LIBXC_CONTEXT; libxc image header (24) and domain header (16); libxc records up to
//                     END; libxl records up to END
//   from the target   ready       to the target   go       from the target   report, one byte
//
// Source: xen tools/libs/light/libxl_sr_stream_format.h, tools/libs/guest/xg_sr_stream_format.h, tools/xl/xl_migrate.c.

#include "world/faults.hpp"
#include "world/world.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sim {

/// Fixed messages, with the NUL each but the banner ends with.
extern const std::string banner_message;
extern const std::string ready_message;
extern const std::string go_message;
extern const std::string report_message;

namespace record {
inline constexpr std::uint32_t end = 0;
inline constexpr std::uint32_t libxc_context = 1;     ///< libxl: the libxc stream follows, outside the length
inline constexpr std::uint32_t emulator_xenstore = 2; ///< libxl
inline constexpr std::uint32_t page_data = 1;         ///< libxc: count, pfns, pages
inline constexpr std::uint32_t tsc_info = 8;          ///< libxc
inline constexpr std::uint32_t hvm_context = 9;       ///< libxc
inline constexpr std::uint32_t hvm_params = 10;       ///< libxc
inline constexpr std::uint32_t static_data_end = 16;  ///< libxc
inline constexpr std::uint32_t cpuid_policy = 17;     ///< libxc
inline constexpr std::uint32_t msr_policy = 18;       ///< libxc
} // namespace record

inline constexpr std::uint32_t page_size = 4096;

[[nodiscard]] std::uint32_t padded(std::uint32_t length);
[[nodiscard]] std::string little_endian(std::uint64_t value, int bytes);
[[nodiscard]] std::uint64_t from_little_endian(std::string_view bytes);

/// Pieces of the stream, ready to be written.
[[nodiscard]] std::string save_header(std::string_view config_json);
[[nodiscard]] std::string libxl_header();
[[nodiscard]] std::string libxc_headers(const std::string& type);
[[nodiscard]] std::string make_record(std::uint32_t type, std::string_view body);

/// One PAGE_DATA record: `count` pages, `step` page frames apart. Each page carries its frame number, so that the
/// receiver notices one byte too many or too few.
[[nodiscard]] std::string page_batch(std::uint64_t first, std::uint32_t count, std::uint64_t step);

/// Checks a PAGE_DATA body; the highest frame number of it comes back. Fails: -1 for pages that are not what was sent.
[[nodiscard]] std::int64_t check_pages(std::string_view body);

/// Writes bytes in order, at a rate, and stops at the bytes at which a fault waits.
class StreamWriter {
public:
  StreamWriter(int fd, Faults& faults, double rate) : fd_(fd), faults_(faults), rate_(rate), begun_(World::now()) {}
  [[nodiscard]] bool write(std::string_view bytes); ///< false: the other end is gone

private:
  int fd_;
  Faults& faults_;
  double rate_;
  double begun_;
  std::int64_t sent_ = 0;
};

/// Reads exact numbers of bytes.
class StreamReader {
public:
  StreamReader(int fd, Faults& faults) : fd_(fd), faults_(faults) {}
  [[nodiscard]] bool read(std::size_t count, std::string& into); ///< false: the stream has ended
  [[nodiscard]] bool expect(std::string_view message);           ///< false: ended, or something else came

private:
  int fd_;
  Faults& faults_;
  std::int64_t received_ = 0;
};

} // namespace sim
