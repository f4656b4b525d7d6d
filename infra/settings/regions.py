"""Which regions the program takes: those of Azure's public cloud, told by their names.

Deliberately absent: a list of regions. It would age, and Azure refuses one that does not exist at the first resource.
Other clouds must be refused here: their services have other hosts than those that the program, and the SDKs, call.
"""

from infra.settings.section import Section

_NAME = r"(?=.*(north|south|east|west|central))[a-z][a-z0-9]{2,29}"
"""Every region of the public cloud has a point of the compass in its name."""

_OTHER_CLOUDS = ("usgov", "usdod", "usnat", "ussec", "china", "germanycentral", "germanynortheast", "bleu", "delos")
"""How regions of government and sovereign clouds begin.
Source: https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure,
https://learn.microsoft.com/azure/china/overview-datacenter"""


def read_region(section: Section, key: str, default: str) -> str:
    """The region at `key`."""
    pattern = rf"{_NAME}|({'|'.join(_OTHER_CLOUDS)})[a-z0-9]*"
    region = section.text(key, default, pattern, "an Azure region like westeurope")
    if region.startswith(_OTHER_CLOUDS):
        section.refuse(key, region, "a region of the public cloud like westeurope: in others this does not run")
    return region
