"""The states and DC: postal code, FIPS code, and residents counted by the 2020 Census."""

from typing import NamedTuple


class State(NamedTuple):
    """One state; `census_2020` is its resident population on 1 April 2020."""

    postal: str
    fips: int
    census_2020: int


# 2020 Census apportionment results, table 2, resident population.
STATES = (
    State("AL", 1, 5_024_279),
    State("AK", 2, 733_391),
    State("AZ", 4, 7_151_502),
    State("AR", 5, 3_011_524),
    State("CA", 6, 39_538_223),
    State("CO", 8, 5_773_714),
    State("CT", 9, 3_605_944),
    State("DE", 10, 989_948),
    State("DC", 11, 689_545),
    State("FL", 12, 21_538_187),
    State("GA", 13, 10_711_908),
    State("HI", 15, 1_455_271),
    State("ID", 16, 1_839_106),
    State("IL", 17, 12_812_508),
    State("IN", 18, 6_785_528),
    State("IA", 19, 3_190_369),
    State("KS", 20, 2_937_880),
    State("KY", 21, 4_505_836),
    State("LA", 22, 4_657_757),
    State("ME", 23, 1_362_359),
    State("MD", 24, 6_177_224),
    State("MA", 25, 7_029_917),
    State("MI", 26, 10_077_331),
    State("MN", 27, 5_706_494),
    State("MS", 28, 2_961_279),
    State("MO", 29, 6_154_913),
    State("MT", 30, 1_084_225),
    State("NE", 31, 1_961_504),
    State("NV", 32, 3_104_614),
    State("NH", 33, 1_377_529),
    State("NJ", 34, 9_288_994),
    State("NM", 35, 2_117_522),
    State("NY", 36, 20_201_249),
    State("NC", 37, 10_439_388),
    State("ND", 38, 779_094),
    State("OH", 39, 11_799_448),
    State("OK", 40, 3_959_353),
    State("OR", 41, 4_237_256),
    State("PA", 42, 13_002_700),
    State("RI", 44, 1_097_379),
    State("SC", 45, 5_118_425),
    State("SD", 46, 886_667),
    State("TN", 47, 6_910_840),
    State("TX", 48, 29_145_505),
    State("UT", 49, 3_271_616),
    State("VT", 50, 643_077),
    State("VA", 51, 8_631_393),
    State("WA", 53, 7_705_281),
    State("WV", 54, 1_793_716),
    State("WI", 55, 5_893_718),
    State("WY", 56, 576_851),
)

FIPS = {state.postal: state.fips for state in STATES}
POSTAL = {state.fips: state.postal for state in STATES}
