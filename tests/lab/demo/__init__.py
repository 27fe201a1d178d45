"""The demonstration: four faults on real servers, told as they happen, and the facts after."""
