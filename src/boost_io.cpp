// Asio, Beast and JSON are compiled in this one file: everything else only sees declarations.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
#include <boost/json/src.hpp>
