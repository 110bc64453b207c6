# What a node runs at boot and at shutdown. /etc is /etc whatever the prefix: nothing looks for these files elsewhere.
set(XEN_DRBD_UNIT_DIR lib/systemd/system CACHE STRING "Where systemd's units go")
foreach(file IN ITEMS boot xen-drbd network-xen-drbd xen-drbd.service xen-drbd-retry.service)
  configure_file(init/${file}.in init/${file} @ONLY)
endforeach()
set(generated ${CMAKE_CURRENT_BINARY_DIR}/init)
install(PROGRAMS ${generated}/boot DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/xen-drbd)
install(PROGRAMS ${generated}/xen-drbd DESTINATION /etc/init.d)
install(PROGRAMS ${generated}/network-xen-drbd DESTINATION /etc/xen/scripts)
install(FILES init/default DESTINATION /etc/default RENAME xen-drbd)
install(FILES ${generated}/xen-drbd.service ${generated}/xen-drbd-retry.service init/xen-drbd-retry.timer
        DESTINATION ${XEN_DRBD_UNIT_DIR})
install(FILES init/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME xen-drbd.conf)
