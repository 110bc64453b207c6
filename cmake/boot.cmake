# What a node runs at boot and at shutdown. /etc is /etc whatever the prefix: nothing looks for these files elsewhere.
set(XEN_DRBD_UNIT_DIR lib/systemd/system CACHE STRING "Where systemd's units go")
install(CODE "
  if(NOT CMAKE_INSTALL_PREFIX STREQUAL \"${CMAKE_INSTALL_PREFIX}\")
    message(FATAL_ERROR \"Nothing was installed: the boot scripts of this build run the program below \"
                        \"${CMAKE_INSTALL_PREFIX}. Build with -DCMAKE_INSTALL_PREFIX=\${CMAKE_INSTALL_PREFIX}.\")
  endif()")
foreach(file IN ITEMS boot xen-drbd network-xen-drbd xen-drbd.service xen-drbd-retry.service)
  configure_file(init/${file}.in init/${file} @ONLY)
endforeach()
set(generated ${CMAKE_CURRENT_BINARY_DIR}/init)
install(PROGRAMS ${generated}/boot DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/xen-drbd)
install(PROGRAMS ${generated}/xen-drbd DESTINATION /etc/init.d)
install(PROGRAMS ${generated}/network-xen-drbd DESTINATION /etc/xen/scripts)
install(FILES ${generated}/xen-drbd.service ${generated}/xen-drbd-retry.service init/xen-drbd-retry.timer
              init/xen-drbd-guests.target
        DESTINATION ${XEN_DRBD_UNIT_DIR})
install(FILES init/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME xen-drbd.conf)
# what the administrator wrote there stays
install(CODE "
  if(NOT EXISTS \"\$ENV{DESTDIR}/etc/default/xen-drbd\")
    file(INSTALL ${CMAKE_CURRENT_SOURCE_DIR}/init/default DESTINATION /etc/default RENAME xen-drbd)
  endif()")
