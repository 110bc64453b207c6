#include "xen/config_json.hpp"

namespace sim {

using Json = nlohmann::ordered_json;

namespace {

Json build_info(const GuestConfig& config, bool running) {
  Json info;
  info["max_vcpus"] = config.maxvcpus;
  info["avail_vcpus"] = Json::array();
  for (int i = 0; i < config.vcpus; ++i) { info["avail_vcpus"].push_back(i); }
  info["max_memkb"] = config.maxmem * 1024;
  info["target_memkb"] = config.memory * 1024;
  if (running) { info["video_memkb"] = 0; }
  info["sched_params"] = running ? Json{{"sched", "credit2"}, {"weight", 256}, {"cap", 0}} : Json::object();
  info["claim_mode"] = "True";
  if (!config.bootloader.empty()) { info["bootloader"] = config.bootloader; }
  if (!config.kernel.empty()) { info["kernel"] = config.kernel; }
  if (!config.cmdline.empty()) { info["cmdline"] = config.cmdline; }
  if (!config.ramdisk.empty()) { info["ramdisk"] = config.ramdisk; }
  info["type." + config.type] = Json::object();
  info["arch_arm"] = Json::object();
  info["arch_x86"] = running ? Json{{"msr_relaxed", "False"}} : Json::object();
  return info;
}

Json disk_document(const DiskSpec& disk, bool running) {
  Json entry;
  if (!disk.pdev_path.empty()) { entry["pdev_path"] = disk.pdev_path; }
  entry["vdev"] = disk.vdev;
  if (!disk.backendtype.empty()) { entry["backend"] = disk.backendtype; }
  entry["format"] = disk.format;
  if (!disk.script.empty()) { entry["script"] = disk.script; }
  if (disk.cdrom) {
    entry["removable"] = 1;
    entry["is_cdrom"] = 1;
  }
  if (disk.readwrite) { entry["readwrite"] = 1; }
  if (running) { entry["colo_restore_enable"] = "False"; }
  return entry;
}

Json nic_document(const NicSpec& nic, int number, bool running) {
  Json entry;
  entry["devid"] = number;
  for (const auto& [key, value] : {std::pair{"mac", nic.mac},
                                   {"ip", nic.ip},
                                   {"bridge", nic.bridge},
                                   {"script", nic.script},
                                   {"model", nic.model}}) {
    if (!value.empty()) { entry[key] = value; }
  }
  if (running) { entry["nictype"] = nic.type == "ioemu" ? "vif_ioemu" : "vif"; }
  return entry;
}

} // namespace

Json config_document(const GuestConfig& config, bool running) {
  Json document;
  Json& creation = document["c_info"];
  creation["type"] = config.type;
  creation["name"] = config.name;
  if (running) { creation["domid"] = 4294967295; }
  creation["uuid"] = config.uuid;
  creation["run_hotplug_scripts"] = "True";
  document["b_info"] = build_info(config, running);
  for (const auto& disk : config.disks) { document["disks"].push_back(disk_document(disk, running)); }
  int number = 0;
  for (const auto& nic : config.nics) { document["nics"].push_back(nic_document(nic, number++, running)); }
  for (const auto& [key, value] : {std::pair{"on_poweroff", config.on_poweroff},
                                   {"on_reboot", config.on_reboot},
                                   {"on_watchdog", config.on_watchdog},
                                   {"on_crash", config.on_crash}}) {
    if (value != "destroy") { document[key] = value; }
  }
  document["on_soft_reset"] = "soft_reset";
  return document;
}

GuestConfig config_from(const Json& document) {
  GuestConfig config;
  const Json& creation = document.at("c_info");
  const Json& build = document.at("b_info");
  config.name = creation.value("name", "");
  config.uuid = creation.value("uuid", "");
  config.type = creation.value("type", "pvh");
  config.kernel = build.value("kernel", "");
  config.ramdisk = build.value("ramdisk", "");
  config.cmdline = build.value("cmdline", "");
  config.bootloader = build.value("bootloader", "");
  config.memory = build.value("target_memkb", 0) / 1024;
  config.maxmem = build.value("max_memkb", 0) / 1024;
  config.maxvcpus = build.value("max_vcpus", 1);
  config.vcpus = static_cast<int>(build.value("avail_vcpus", Json::array()).size());
  for (const auto& entry : document.value("disks", Json::array())) {
    DiskSpec disk;
    disk.pdev_path = entry.value("pdev_path", "");
    disk.vdev = entry.value("vdev", "");
    disk.format = entry.value("format", "raw");
    disk.script = entry.value("script", "");
    disk.readwrite = entry.value("readwrite", 0) == 1;
    disk.cdrom = entry.value("is_cdrom", 0) == 1;
    config.disks.push_back(disk);
  }
  for (const auto& entry : document.value("nics", Json::array())) {
    NicSpec nic;
    nic.mac = entry.value("mac", "");
    nic.bridge = entry.value("bridge", "");
    nic.script = entry.value("script", "");
    config.nics.push_back(nic);
  }
  config.on_poweroff = document.value("on_poweroff", "destroy");
  config.on_reboot = document.value("on_reboot", "destroy");
  config.on_watchdog = document.value("on_watchdog", "destroy");
  config.on_crash = document.value("on_crash", "destroy");
  return config;
}

Json dom0_document(int memory) {
  return {{"domid", 0},
          {"config",
           {{"c_info", {{"type", "pv"}, {"name", "Domain-0"}}},
            {"b_info",
             {{"max_memkb", memory * 1024},
              {"target_memkb", memory * 1024 - 1},
              {"sched_params", {{"sched", "credit2"}, {"weight", 256}, {"cap", 0}}},
              {"type.pv", Json::object()},
              {"arch_arm", Json::object()},
              {"arch_x86", Json::object()}}}}}};
}

std::string lay_out(const Json& document, int depth) {
  const std::string inner(static_cast<std::size_t>(depth + 1) * 4, ' ');
  const std::string outer(static_cast<std::size_t>(depth) * 4, ' ');
  if (!document.is_structured()) { return document.dump(); }
  std::string text = document.is_object() ? "{\n" : "[\n";
  if (document.empty()) { text += "\n"; }
  bool first = true;
  for (const auto& [key, value] : document.items()) {
    text += first ? "" : ",\n";
    text += inner + (document.is_object() ? Json(key).dump() + ": " : "") + lay_out(value, depth + 1);
    first = false;
  }
  text += document.empty() ? "" : "\n";
  return text + outer + (document.is_object() ? "}" : "]");
}

} // namespace sim
