{
  # The same targets as CMakeLists.txt, from the same lists of sources and flags.
  "target_defaults": {
    "cflags": ["<!@(cat native/compile.flags)"],
    "configurations": {"Release": {}, "Debug": {}},
  },
  "targets": [
    {
      "target_name": "niwa",
      "sources": ["<!@(cat native/addon.sources)"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS",
                  "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags_cc": ["-std=c++17"],
      "libraries": ["-lseccomp"],
      "ldflags": ["-Wl,-z,relro,-z,now"],
    },
    {
      "target_name": "niwa-boot",
      "type": "executable",
      "sources": ["<!@(cat native/boot.sources)"],
      "cflags_c": ["-std=gnu11"],
      "cflags!": ["-fPIC", "-pthread"],
      "ldflags!": ["-rdynamic", "-pthread"],
      "cflags": ["<!@(cat native/boot.flags)"],
      "ldflags": ["-static", "-no-pie", "-nostdlib", "-Wl,-z,relro,-z,now"],
    },
    {
      "target_name": "niwa-keeper",
      "type": "executable",
      "sources": ["<!@(cat native/keeper.sources)"],
      "cflags_cc": ["-std=c++17", "-fno-exceptions", "-fno-rtti", "-fno-pie"],
      "cflags!": ["-fPIC", "-pthread"],
      "ldflags!": ["-rdynamic", "-pthread"],
      "ldflags": ["-static", "-no-pie", "-Wl,-z,relro,-z,now"],
    },
    {
      "target_name": "niwa-reach",
      "type": "executable",
      "sources": ["<!@(cat native/reach.sources)"],
      "cflags_cc": ["-std=c++17", "-fno-exceptions", "-fno-rtti", "-fno-pie"],
      "cflags!": ["-fPIC", "-pthread"],
      "ldflags!": ["-rdynamic", "-pthread"],
      "ldflags": ["-static", "-no-pie", "-Wl,-z,relro,-z,now"],
    },
  ],
}
