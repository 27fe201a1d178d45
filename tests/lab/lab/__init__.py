"""The lab: real servers and real agents in network namespaces on one machine."""
