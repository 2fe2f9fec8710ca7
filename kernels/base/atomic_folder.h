// Folders that appear whole or not at all: a folder is filled under a temporary name beside the target, flushed to the
// disk, then put in the target's place in one step.
#pragma once

#include <functional>
#include <string>

namespace encore {

// fsync of a folder, which makes renames in it durable. Throws IoError, except where the file system does not support
// it: then nothing is done.
void sync_folder(const std::string& path);

//   AtomicFolder folder(path); ... write files (AtomicFile) into folder.temporary_path() ...; folder.commit();
// A folder that stands at `path` is replaced; an empty one stays, and the files are moved into it. Destruction without
// commit() removes the temporary folder. Every member throws IoError, after which what stood at `path` is untouched.
class AtomicFolder {
 public:
  explicit AtomicFolder(std::string path);  // makes the parents of `path` as well
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  const std::string& temporary_path() const { return temporary_; }
  // REQUIRES: the files inside are on the disk already. Exchanges the old and the new folder where the file system can,
  // so that `path` exists at every moment; elsewhere the old folder moves aside first (recover_folders).
  void commit();

 private:
  void fill();
  std::string path_, temporary_;
  bool fills_ = false;  // an empty folder that was there
  bool committed_ = false;
};

// The fallback of commit(), public for its test: moves `path` aside, then `temporary` into its place.
void replace_by_two_renames(const std::string& temporary, const std::string& path);

// Whether AtomicFile or AtomicFolder gives such a name to what is not complete: "state.json.tmp-1234-0".
bool is_temporary_name(const std::string&);

// Cleans up after a killed process in `parent`: a folder that was moved aside and not replaced gets its name back, and
// everything else under a temporary name is removed. Only temporary names of files and folders for which owns(name)
// holds are touched: "notes.tmp-2024" may be somebody's. Does nothing if `parent` does not exist.
void recover_folders(const std::string& parent, const std::function<bool(const std::string& name)>& owns);

}  // namespace encore
