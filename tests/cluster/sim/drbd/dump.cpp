#include "drbd/tools.hpp"

namespace sim {

namespace {

std::string section_text(const std::string& name, const Options& options, const std::string& indent) {
  std::string text = indent + name + " {\n";
  for (const auto& [key, value] : options) {
    const bool plain = value.find_first_of(" \t\"'") == std::string::npos;
    const std::string shown = plain ? value : "\"" + value + "\"";
    text += indent + format("    %-16s %3s;\n", key.c_str(), shown.c_str());
  }
  return text + indent + "}\n";
}

std::string volume_text(const ConfigVolume& volume, const std::string& indent) {
  return indent + format("%-16s %s minor %d;\n", "device", volume.device.c_str(), volume.minor) + indent +
         format("%-16s %s;\n", "disk", volume.disk.c_str()) + indent +
         format("%-16s %s;\n", "meta-disk", volume.meta_disk.c_str());
}

std::string host_text(const ConfigHost& host) {
  std::string text = "    on " + host.name + " {\n";
  for (const auto& volume : host.volumes) {
    if (volume.implicit) {
      text += volume_text(volume, "        ");
    } else {
      text += format("        volume %d {\n", volume.number) + volume_text(volume, "            ") + "        }\n";
    }
  }
  return text + format("        %-16s %s %s:%s;\n    }\n", "address", host.family.c_str(), host.address.c_str(),
                       host.port.c_str());
}

std::string xml_section(const std::string& name, const Options& options, const std::string& indent) {
  std::string text = indent + "<section name=\"" + name + "\">\n";
  for (const auto& [key, value] : options) {
    text += indent + "    <option name=\"" + key + "\" value=\"" + value + "\"/>\n";
  }
  return text + indent + "</section>\n";
}

std::string xml_host(const ConfigHost& host) {
  std::string text = "        <host name=\"" + host.name + "\">\n";
  for (const auto& volume : host.volumes) {
    text += format("            <volume vnr=\"%d\">\n                <device minor=\"%d\">%s</device>\n", volume.number,
                   volume.minor, volume.device.c_str());
    text += "                <disk>" + volume.disk + "</disk>\n                <meta-disk>" + volume.meta_disk +
            "</meta-disk>\n            </volume>\n";
  }
  return text + format("            <address family=\"%s\" port=\"%s\">%s</address>\n        </host>\n",
                       host.family.c_str(), host.port.c_str(), host.address.c_str());
}

} // namespace

std::string dump_text(const DrbdConfig& config, const std::string& node,
                      const std::vector<const ConfigResource*>& resources, bool everything) {
  std::string text;
  if (everything) { text += "# /etc/drbd.conf\n"; }
  if (everything && !config.global.empty()) {
    text += "global {\n";
    for (const auto& [key, value] : config.global) { text += "    " + key + " " + value + ";\n"; }
    text += "    cmd-timeout-medium 600;\n    cmd-timeout-long 0;\n}\n\n";
  }
  if (everything && !config.common.empty()) {
    text += "common {\n";
    for (const auto& section : config.common_order) {
      text += section_text(section, config.common.at(section), "    ");
    }
    text += "}\n\n";
  }
  for (const ConfigResource* resource : resources) {
    text += "# resource " + resource->name + " on " + node + ": not ignored, not stacked\n";
    text += format("# defined at %s:%d\n", resource->file.c_str(), resource->line);
    text += "resource " + resource->name + " {\n";
    for (const auto& host : resource->hosts) { text += host_text(host); }
    for (const auto& [name, options] : resource->sections) { text += section_text(name, options, "    "); }
    text += "}\n\n";
  }
  return text;
}

std::string dump_xml(const DrbdConfig& config, const std::vector<const ConfigResource*>& resources) {
  std::string text = "<config file=\"/etc/drbd.conf\">\n";
  if (!config.common.empty()) {
    text += "    <common>\n";
    for (const auto& section : config.common_order) {
      text += xml_section(section, config.common.at(section), "        ");
    }
    text += "    </common>\n";
  }
  for (const ConfigResource* resource : resources) {
    text += "    <resource name=\"" + resource->name + "\" conf-file-line=\"" +
            format("%s:%d", resource->file.c_str(), resource->line) + "\">\n";
    for (const auto& host : resource->hosts) { text += xml_host(host); }
    for (const auto& [name, options] : resource->sections) { text += xml_section(name, options, "        "); }
    text += "    </resource>\n";
  }
  return text + "</config>\n";
}

} // namespace sim
