// The other half of the model: each half keeps names of its own.
#include "../mysql/model_operations.cpp"
