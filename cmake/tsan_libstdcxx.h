// Included before every source of the tsan build. The TSan runtime of gcc 12 does
// not know pthread_mutex_clocklock, so a lock that std::timed_mutex takes with it
// looks unlocked; without this macro libstdc++ takes pthread_mutex_timedlock.
#include <bits/c++config.h>
#undef _GLIBCXX_USE_PTHREAD_MUTEX_CLOCKLOCK
