// Runs a fuzz target without libFuzzer: first every file of the corpus, then mutations of them for
// a while. It knows nothing of coverage; it is the cheap check of every test run.
//
//   fuzz_url [--seconds N] [--seed N] [--crashes DIR] FILE_OR_DIRECTORY…
//
// An input that ends the process is saved, and the file's name is printed. Given that one file and
// `--seconds 0`, the crash is seen again.

#include "../support/sanitizers.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#if NUNCIO_IS_SANITIZED
extern "C" void __sanitizer_set_death_callback(void (*callback)());
#endif

namespace {

namespace fs = std::filesystem;
using input = std::vector<std::uint8_t>;
using namespace std::string_view_literals;

constexpr std::size_t max_input = 4096;

/// What a dying process must know; a signal handler can't be handed anything.
struct {
  input current;
  std::string crash_file;
  bool is_saved = false;
} last;

void say(std::string_view text) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

void save_current() {
  if (last.is_saved) return;
  last.is_saved = true;
  const int file = ::open(last.crash_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) {
    say("the input could not be saved to ");
  } else {
    [[maybe_unused]] const auto written = ::write(file, last.current.data(), last.current.size());
    ::close(file);
    say("the input that did this is saved in ");
  }
  say(last.crash_file);
  say("\n");
}

void on_crash(int number) {
  save_current();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void run_one(input bytes) {
  last.current = std::move(bytes);
  // Memory of the exact size, so that a read beyond it is found.
  const input copy(last.current.begin(), last.current.end());
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

class mutator {
 public:
  mutator(const std::vector<input>& corpus, std::uint64_t seed) : corpus_(corpus), random_(seed) {}

  input next() {
    input bytes = pick();
    for (std::size_t steps = 1 + below(6); steps != 0; --steps) mutate(bytes);
    if (bytes.size() > max_input) bytes.resize(max_input);
    return bytes;
  }

 private:
  /// Pre: limit is not 0.
  std::size_t below(std::size_t limit) { return random_() % limit; }

  const input& pick() { return corpus_[below(corpus_.size())]; }

  input slice(const input& from) {
    if (from.empty()) return {};
    const auto start = below(from.size());
    const auto size = 1 + below(std::min<std::size_t>(from.size() - start, 64));
    const auto at = from.begin() + static_cast<std::ptrdiff_t>(start);
    return {at, at + static_cast<std::ptrdiff_t>(size)};
  }

  void insert(input& bytes, const input& what) {
    const auto at = static_cast<std::ptrdiff_t>(below(bytes.size() + 1));
    bytes.insert(bytes.begin() + at, what.begin(), what.end());
  }

  void mutate(input& bytes) {
    constexpr std::string_view telling = " \t\r\n\0.*>:'\"\\{}[]/@%0919-+\x7F\x80\xFF"sv;
    const auto telling_byte = [&] {
      return static_cast<std::uint8_t>(telling[below(telling.size())]);
    };
    if (bytes.empty()) {
      bytes.push_back(telling_byte());
      return;
    }
    const auto at = below(bytes.size());
    switch (below(9)) {
      case 0:
        bytes[at] ^= static_cast<std::uint8_t>(1U << below(8));
        break;
      case 1:
        bytes[at] = static_cast<std::uint8_t>(below(256));
        break;
      case 2:
        bytes[at] = telling_byte();
        break;
      case 3:
        insert(bytes, {telling_byte()});
        break;
      case 4:
        insert(bytes, slice(pick()));
        break;
      case 5:
        insert(bytes, slice(bytes));
        break;
      case 6:
        insert(bytes, input(1 + below(300), bytes[at]));
        break;
      case 7:
        bytes.resize(at);
        break;
      default: {
        const auto size = 1 + below(std::min<std::size_t>(bytes.size() - at, 16));
        const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(at);
        bytes.erase(from, from + static_cast<std::ptrdiff_t>(size));
      }
    }
  }

  const std::vector<input>& corpus_;
  std::mt19937_64 random_;
};

input read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<fs::path> files_of(const fs::path& path) {
  std::vector<fs::path> files;
  if (!fs::is_directory(path)) return {path};
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

struct settings {
  double seconds = 2;
  std::uint64_t seed = std::random_device{}();
  fs::path crashes = ".";
  std::vector<fs::path> corpus;
};

template <class Number>
bool read_number(std::string_view text, Number& into) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), into);
  return failed == std::errc{} && end == text.data() + text.size();
}

/// False if the command line can't be understood.
bool read_settings(const std::vector<std::string_view>& words, settings& into) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!words[i].starts_with("--")) {
      into.corpus.emplace_back(words[i]);
      continue;
    }
    if (i + 1 == words.size()) return false;
    const auto flag = words[i];
    const auto value = words[++i];
    if (flag == "--crashes") {
      into.crashes = value;
    } else if (flag == "--seconds") {
      if (!read_number(value, into.seconds)) return false;
    } else if (flag != "--seed" || !read_number(value, into.seed)) {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  settings set;
  if (!read_settings({argv + 1, argv + argc}, set)) {
    std::cerr << "usage: " << argv[0]
              << " [--seconds N] [--seed N] [--crashes DIR] FILE_OR_DIRECTORY...\n";
    return 1;
  }
  last.crash_file =
      (set.crashes / (fs::path(argv[0]).filename().string() + "-crash-" + std::to_string(set.seed)))
          .string();
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(number, on_crash);
#if NUNCIO_IS_SANITIZED
  __sanitizer_set_death_callback(save_current);
#endif

  std::vector<input> corpus{input{}};
  for (const auto& path : set.corpus) {
    for (const auto& file : files_of(path)) {
      corpus.push_back(read_file(file));
      run_one(corpus.back());
    }
  }
  std::cout << corpus.size() - 1 << " files of the corpus pass; mutating for " << set.seconds
            << " s, seed " << set.seed << std::endl;

  mutator mutations(corpus, set.seed);
  std::uint64_t count = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(set.seconds);
  while (std::chrono::steady_clock::now() < end) {
    for (int i = 0; i < 16; ++i) run_one(mutations.next());
    count += 16;
  }
  std::cout << count << " mutations pass\n";
  return 0;
}
