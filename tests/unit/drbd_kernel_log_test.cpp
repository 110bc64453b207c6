#include "xen_drbd/drbd/look.hpp"

#include "support/catch.hpp"
#include "support/names.hpp"
#include "support/scripted_host.hpp"

using namespace xen_drbd;
using test::exited;
using test::resource_name;

using Lost = std::map<ResourceName, std::string>;

TEST_CASE("the kernel log tells since when a resource has been without its peer, in 8.4's words and in 9's") {
  CHECK(drbd::parse_kernel_log(exited(
            0, "2026-11-22T18:19:02,355115+00:00 drbd vm1: peer( Secondary -> Unknown ) conn( Connected -> "
               "NetworkFailure ) pdsk( UpToDate -> DUnknown )\n"
               "2026-11-22T18:19:03,000001+00:00 drbd vm1: conn( NetworkFailure -> Unconnected ) \n"
               "2026-11-22T18:19:04,000001+00:00 drbd vm1: conn( Unconnected -> WFConnection ) \n"
               "2026-11-22T18:20:00,000001+00:00 drbd samba mirror: conn( Connected -> Connecting ) peer( Secondary -> "
               "Unknown )\n")) ==
        Lost{{resource_name("vm1"), "2026-11-22T18:19:02"}, {resource_name("samba"), "2026-11-22T18:20:00"}});
}

TEST_CASE("of several losses the last one counts, a resync that is cut among them") {
  CHECK(drbd::parse_kernel_log(
            exited(0, "2026-11-22T18:00:00,1+00:00 drbd vm1: conn( Connected -> NetworkFailure )\n"
                      "2026-11-22T18:30:00,1+00:00 drbd vm1: conn( SyncTarget -> Timeout )\n"
                      "2026-11-22T18:40:00,1+00:00 drbd vm1: conn( WFReportParams -> NetworkFailure )\n")) ==
        Lost{{resource_name("vm1"), "2026-11-22T18:30:00"}});
}

TEST_CASE("a kernel log that says nothing of a loss, or cannot be read, tells nothing") {
  for (const char* line : {"", "drbd", "2026 drbd vm1: conn(", "2026 block drbd2: conn( SyncSource -> Connected )",
                           "2026 drbd vm1: conn( WFConnection -> WFReportParams )", "dmesg: read kernel buffer failed",
                           "2026 drbd -x: conn( Connected -> Timeout )"})
    CHECK(drbd::parse_kernel_log(exited(0, std::string(line) + "\n")).empty());
  CHECK(drbd::parse_kernel_log(exited(1)).empty());
}
