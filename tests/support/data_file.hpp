#pragma once
// Texts below tests/data, as they were captured, and files of this repository.

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace xen_drbd::test {

[[nodiscard]] inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// "xl-4.17/parse-list-one.txt"
[[nodiscard]] inline std::string data_file(const std::string& name) {
  return read_file(std::string(XEN_DRBD_TEST_DATA) + "/" + name);
}

/// "topologies/example.yaml"
[[nodiscard]] inline std::string source_file(const std::string& name) {
  return read_file(std::string(XEN_DRBD_SOURCE) + "/" + name);
}

} // namespace xen_drbd::test
