#include "train/thread_waiting.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace encore {

void wait_politely() {
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  const std::string line((std::istreambuf_iterator<char>(in)), {});
  std::vector<char*> words;
  for (size_t at = 0; at < line.size(); at = line.find('\0', at) + 1) words.push_back(const_cast<char*>(&line[at]));
  // argv[0] stays the name of the program, since tools list processes by it.
  char self[4096];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof(self) - 1);
  if (words.empty() || line.back() != '\0' || length <= 0) return;
  self[length] = '\0';
  words.push_back(nullptr);
  ::setenv("GOMP_SPINCOUNT", "1000", 0);
  ::execv(self, words.data());  // on failure the program continues unchanged
}

}  // namespace encore
