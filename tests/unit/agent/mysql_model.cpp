// The model servers of the MySQL room's tests, for a cluster of whole nodes.
#include "../mysql/model.cpp"
