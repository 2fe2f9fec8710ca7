// Folders that appear whole or not at all: filled under a temporary name beside the target, flushed to the disk, then
// put in the target's place in one step.
#pragma once

#include <string>

namespace encore {

// fsync of a folder, which makes renames in it durable. Throws IoError; file systems that cannot do it are no failure.
void sync_folder(const std::string& path);

//   AtomicFolder folder(path); ... write files (AtomicFile) into folder.temporary_path() ...; folder.commit();
// A folder that stands at `path` is replaced. Destruction without commit() removes the temporary folder. Every member
// throws IoError, after which what stood at `path` is untouched.
class AtomicFolder {
 public:
  explicit AtomicFolder(std::string path);  // makes the parents of `path` as well
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  const std::string& temporary_path() const { return temporary_; }
  // REQUIRES: the files inside are on the disk already. Exchanges the two folders where the file system can, so that
  // there is no moment without either; elsewhere the old one moves aside first (recover_folders).
  void commit();

 private:
  std::string path_, temporary_;
  bool committed_ = false;
};

// For the fallback of commit() and its test: moves `path` aside, then `temporary` into its place.
void replace_by_two_renames(const std::string& temporary, const std::string& path);

// Puts in order what a killed process left in `parent`: a folder that was moved aside and has no successor gets its
// name back, everything else under a temporary name (also AtomicFile's) is removed. Nothing where there is no `parent`.
void recover_folders(const std::string& parent);

}  // namespace encore
