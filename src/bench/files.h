// Files to measure reads of: below a directory, whatever file system that is,
// or as objects by plain GETs, which is the most that a file system over them
// can reach. Measures nothing itself.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/object_store.h"

namespace datashim::bench {

/// One file, named relative to where the list was made.
struct File {
  std::string path;
  std::uint64_t bytes = 0;

  friend bool operator==(const File&, const File&) = default;
};

/// A file that is open for reads at any place: fills the buffer.
using ReadAt =
    std::function<Status(std::uint64_t offset, std::span<std::byte> buffer)>;

/// Thread-safe. Errors are those of the file system or of the store.
class Files {
 public:
  virtual ~Files() = default;

  /// Walks all of it, as find(1) does: names and types, in no order. Stops
  /// behind `names_max` files.
  /// @return the files; their sizes are 0 unless the list itself tells them.
  virtual Result<std::vector<File>> Walk(std::size_t names_max) = 0;
  /// Opens, reads to the end in order, and closes. @return the bytes read.
  virtual Result<std::uint64_t> ReadWhole(const File& file) = 0;
  /// Reads one byte of every page through a mapping. @return the bytes mapped.
  virtual Result<std::uint64_t> TouchWhole(const File& file) = 0;
  virtual Result<ReadAt> Open(const File& file) = 0;
};

/// The files below a directory.
std::unique_ptr<Files> DirectoryFiles(std::string directory);

/// The objects of a store, as files; whole ones by 16 GETs of 8 MiB at once.
std::unique_ptr<Files> ObjectFiles(std::shared_ptr<store::ObjectStore> store);

/// Fills in the sizes of files below a directory.
Status StatAll(const std::string& directory, std::vector<File>& files);

}  // namespace datashim::bench
