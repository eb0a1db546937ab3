// Boost.JSON is compiled here, once; everybody else pays for its declarations only.
#include <boost/json/src.hpp>
