// A terminal for tests: renders the bytes that a program wrote, in a window that changes its width.
#pragma once

#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace encore::test {

// Understands printable characters, \r, \n, and ESC [ J and ESC [ K; anything else is an error.
class Screen {
 public:
  // reflow: a change of width rewraps lines and keeps the cursor at its character (tmux, VTE, kitty); else it cuts
  // lines and keeps the cursor in its row (xterm).
  Screen(int width, bool reflow) : width_(width), reflow_(reflow), rows_(1) {}

  void feed(const std::string& bytes) {
    for (size_t i = 0; i < bytes.size(); ++i) {
      const char c = bytes[i];
      if (c == '\r') {
        column_ = 0;
      } else if (c == '\n') {
        next_row(false);
      } else if (c == '\033' && bytes.compare(i, 3, "\033[J") == 0) {
        erase();
        rows_.resize(row_ + 1);
        i += 2;
      } else if (c == '\033' && bytes.compare(i, 3, "\033[K") == 0) {
        erase();
        i += 2;
      } else if (static_cast<unsigned char>(c) < 32) {
        errors_ += "control character " + std::to_string(int(c)) + "; ";
      } else {
        if (column_ == size_t(width_)) {
          next_row(true);
          column_ = 0;
          ++wraps_;
        }
        std::string& text = rows_[row_].text;
        if (text.size() <= column_) text.resize(column_ + 1, ' ');
        text[column_++] = c;
      }
    }
  }

  void resize(int width) {
    if (reflow_) {
      break_anew(width);
    } else {
      for (Row& row : rows_)
        if (row.text.size() > size_t(width)) row.text.resize(size_t(width));
      column_ = std::min(column_, size_t(width) - 1);
    }
    width_ = width;
  }

  // Rows down to the last one with text.
  std::vector<std::string> rows() const {
    std::vector<std::string> out;
    for (const Row& row : rows_) out.push_back(row.text);
    while (!out.empty() && out.back().empty()) out.pop_back();
    return out;
  }
  int wraps() const { return wraps_; }
  const std::string& errors() const { return errors_; }

 private:
  struct Row {
    std::string text;
    bool wrapped = false;  // continues in the next row
  };
  void erase() {
    if (rows_[row_].text.size() > column_) rows_[row_].text.resize(column_);
  }
  void next_row(bool wrapped) {
    rows_[row_].wrapped = wrapped;
    if (++row_ == rows_.size()) rows_.emplace_back();
  }
  void break_anew(int width) {
    std::vector<Row> fresh;
    size_t row = 0, column = 0;
    for (size_t r = 0; r < rows_.size();) {
      std::string line;
      size_t cursor = std::string::npos;
      do {
        if (r == row_) cursor = line.size() + column_;
        line += rows_[r].text;
      } while (rows_[r++].wrapped && r < rows_.size());
      const size_t first = fresh.size();
      for (size_t at = 0; at == 0 || at < line.size(); at += size_t(width))
        fresh.push_back({line.substr(at, size_t(width)), at + size_t(width) < line.size()});
      if (cursor == std::string::npos) continue;
      row = first + std::min(cursor / size_t(width), fresh.size() - 1 - first);
      column = std::min(cursor - (row - first) * size_t(width), size_t(width));
    }
    rows_ = fresh;
    row_ = row;
    column_ = column;
  }

  int width_;
  bool reflow_;
  std::vector<Row> rows_;
  size_t row_ = 0, column_ = 0;
  int wraps_ = 0;
  std::string errors_;
};

// Both ends of a pseudo-terminal.
class Pty {
 public:
  explicit Pty(int width) {
    struct winsize size {};
    size.ws_row = 40;
    size.ws_col = static_cast<unsigned short>(width);
    if (::openpty(&master_, &slave_, nullptr, nullptr, &size) != 0) throw std::runtime_error("no pseudo-terminal");
  }
  ~Pty() {
    ::close(master_);
    if (slave_ >= 0) ::close(slave_);
  }
  void resize(int width) const {
    struct winsize size {};
    size.ws_row = 40;
    size.ws_col = static_cast<unsigned short>(width);
    ::ioctl(master_, TIOCSWINSZ, &size);
  }
  int slave() const { return slave_; }
  int master() const { return master_; }
  void close_slave() {
    ::close(slave_);
    slave_ = -1;
  }
  // The output so far. Waits, because the kernel passes bytes on with a short delay.
  std::string read() const {
    std::string bytes;
    for (struct pollfd ready{.fd = master_, .events = POLLIN};
         ::poll(&ready, 1, 60) == 1 && (ready.revents & POLLIN);) {
      char part[4096];
      const ssize_t n = ::read(master_, part, sizeof part);
      if (n <= 0) break;
      bytes.append(part, size_t(n));
    }
    return bytes;
  }

 private:
  int master_ = -1, slave_ = -1;
};

}  // namespace encore::test
