# xen_drbd_room(NAME [SEES room...] [LIBRARIES lib...] [PRIVATE_LIBRARIES lib...])
#
# A room is a static library of src/NAME/*.cpp whose door is include/xen_drbd/NAME/. It links the rooms it sees.
function(xen_drbd_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wswitch-enum
                         -Wnon-virtual-dtor -Wold-style-cast
                         -Wno-missing-field-initializers) # designated initialisers name what they set
  if(XEN_DRBD_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

function(xen_drbd_room name)
  cmake_parse_arguments(ROOM "" "" "SEES;LIBRARIES;PRIVATE_LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cpp)
  set(target xen_drbd_${name})
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/include PRIVATE ${PROJECT_SOURCE_DIR}/src/${name})
  target_compile_definitions(${target} PRIVATE XEN_DRBD_VERSION="${PROJECT_VERSION}")
  list(TRANSFORM ROOM_SEES PREPEND xen_drbd_ OUTPUT_VARIABLE seen)
  target_link_libraries(${target} PUBLIC ${seen} ${ROOM_LIBRARIES} PRIVATE ${ROOM_PRIVATE_LIBRARIES})
  xen_drbd_warnings(${target})
  set_property(GLOBAL APPEND PROPERTY XEN_DRBD_ROOMS ${name})
  set_property(GLOBAL PROPERTY XEN_DRBD_SEES_${name} "${ROOM_SEES}")
endfunction()
