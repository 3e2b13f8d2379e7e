"""The same cases in several environments: upgrades, releases, backends, calibration.

Two environments give changes, a verdict a case. A comparison is something else here as everywhere: a pair of
layers in one environment.
"""
