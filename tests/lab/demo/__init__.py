"""The demonstration: four faults on real servers, told as they happen, with the facts at the end."""
