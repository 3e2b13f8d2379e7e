"""The same cases in several environments: upgrades, releases, backends, calibration."""
