#pragma once
// The framing of a migration stream, as a pure machine: it is told what came and says what may be passed on.
//
//   part              bytes           then
//   ----------------  --------------  ------------------------------------------------------------------
//   xl save header    48              the domain's configuration, of the length its last field says
//   libxl header      16
//   libxl record      8 + padded to 8 LIBXC_CONTEXT: a whole libxc stream, then the next libxl record
//   libxc headers     24 + 16         once, in front of its records
//   libxc record      8 + padded to 8 until its END
//   libxl END         8               held
//
// Everything up to the libxc headers (the *preamble*) is held until all of it is known to be right, so that an unknown
// form is noticed before anything was sent.
// Source: xen tools/xl/xl.h, tools/libs/light/libxl_sr_stream_format.h, tools/libs/guest/xg_sr_stream_format.h,
// docs/specs/libxl-migration-stream.pandoc, docs/specs/libxc-migration-stream.pandoc.

#include <cstdint>
#include <string>
#include <string_view>

namespace xen_drbd::transport {

class StreamParser {
public:
  enum class State {
    preamble, ///< nothing may be passed on yet
    records,  ///< in the records
    end_held, ///< the libxl END record has come and is held; nothing more is wanted
    unknown,  ///< not the format we know; `objection` says why, nothing more is wanted
  };
  /// What comes next: a piece of framing, to be fed; or opaque payload, to be passed on and only counted.
  struct Want {
    enum class Kind { framing, payload, nothing } kind = Kind::nothing;
    std::uint64_t bytes = 0; ///< at most so many
    bool operator==(const Want&) const = default;
  };

  StreamParser() { expect(Part::save_header, 48); }

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Want want() const;

  /// Takes framing in. Precondition: `want` is framing, of at least that many bytes.
  void feed(std::string_view framing);
  /// So many bytes of payload were passed on. Precondition: `want` is payload, of at least that many bytes.
  void passed(std::uint64_t payload);

  /// What may be passed on of the framing that was fed (before any later payload).
  [[nodiscard]] std::string take();
  /// What is held: the END record, or all that came of an unknown form. The caller decides about it; it is given once.
  [[nodiscard]] std::string take_held();

  /// Whether nothing of the stream was let through yet.
  [[nodiscard]] bool nothing_sent() const { return preamble_; }
  [[nodiscard]] const std::string& objection() const { return objection_; }
  /// Bytes of PAGE_DATA bodies that were passed on.
  [[nodiscard]] std::uint64_t page_bytes() const { return page_bytes_; }

private:
  enum class Part { save_header, configuration, libxl_header, libxl_record, image_header, domain_header, libxc_record };

  void expect(Part part, std::uint64_t bytes);
  void let_through();
  void object(std::string why);
  void complete();
  void save_header();
  void libxl_header();
  void libxl_record();
  void image_header();
  void libxc_record();
  void body(std::uint64_t length, Part next, bool pages);

  State state_ = State::preamble;
  Part part_ = Part::save_header;
  std::uint64_t expected_ = 0; // bytes of the present piece of framing
  std::string piece_;          // what of it has come
  std::string held_;
  std::string out_;
  bool preamble_ = true;
  bool in_libxc_seen_ = false;
  std::uint64_t payload_ = 0; // still to pass on before the next piece
  bool payload_is_pages_ = false;
  std::uint64_t page_bytes_ = 0;
  std::string objection_;
};

} // namespace xen_drbd::transport
