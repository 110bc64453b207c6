# Debian's libraries, under the target names of their newer releases.
find_package(CLI11 REQUIRED)
find_package(fmt REQUIRED)
find_package(libssh REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(pugixml REQUIRED)
find_package(spdlog REQUIRED)
find_package(Threads REQUIRED)
find_package(tl-expected REQUIRED)
find_package(yaml-cpp REQUIRED)

# yaml-cpp 0.7 (Debian 12) exports no namespaced target
if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()
