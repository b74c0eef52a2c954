// Random operations on the file system and on a model of it that is too simple
// to be wrong. --gtest_random_seed=N replays a failure.

#include <gmock/gmock.h>

#include <map>
#include <random>
#include <set>

#include "fs/testing/file_system_fixture.h"

namespace datashim::fs {
namespace {

constexpr std::size_t kPart = kTestPartBytes;

/// What POSIX and docs/SEMANTICS.md say of a tree of files.
struct Model {
  std::map<std::string, std::string> files;
  std::set<std::string> directories = {""};

  static std::string ParentOf(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == path.npos ? "" : path.substr(0, slash);
  }
  bool IsEmpty(const std::string& directory) const {
    return ListOf(directory).empty();
  }
  std::vector<std::string> ListOf(const std::string& directory) const {
    std::vector<std::string> names;
    const std::string prefix = Tree(directory);
    for (const auto& [path, text] : files) {
      if (ParentOf(path) == directory) names.push_back(Below(path, prefix));
    }
    for (const std::string& path : directories) {
      if (!path.empty() && ParentOf(path) == directory) {
        names.push_back(Below(path, prefix) + "/");
      }
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  static std::string Tree(const std::string& directory) {
    return directory.empty() ? "" : directory + "/";
  }
  static std::string Below(const std::string& path, const std::string& prefix) {
    return path.substr(prefix.size());
  }
};

class ModelTest : public FileSystemTest {
 protected:
  std::size_t Random(std::size_t below) { return random_() % below; }
  std::string RandomPath() {
    static const std::vector<std::string> kDirectories = {"", "a/", "b/",
                                                          "a/c/"};
    static const std::vector<std::string> kNames = {"a", "b", "c", "d-1", "d"};
    return kDirectories[Random(kDirectories.size())] +
           kNames[Random(kNames.size())];
  }
  bool Reachable(const std::string& path) {
    return model_.directories.contains(Model::ParentOf(path));
  }
  std::string RandomText() {
    static const std::vector<std::size_t> kSizes = {
        0, 1, 1000, kPart, kPart + 1, 3 * kPart - 7};
    return Pattern(kSizes[Random(kSizes.size())],
                   static_cast<unsigned>(random_()));
  }

  void WriteWhole(const std::string& path) {
    const std::string text = RandomText();
    const auto error = ErrorOf(WriteFile(path, text));
    if (model_.directories.contains(path)) {
      EXPECT_EQ(error, FsError::kIsDirectory);
      return;
    }
    ASSERT_EQ(error, std::nullopt);
    model_.files[path] = text;
  }
  void WritePlace(const std::string& path) {
    if (!model_.files.contains(path)) return;
    std::string& text = model_.files[path];
    const std::size_t offset = Random(2 * text.size() + 10);
    const std::string patch = Pattern(1 + Random(kPart / 2));
    const HandleId handle = *Open(path, kReadWrite);
    const auto error = ErrorOf(Write(handle, offset, patch));
    if (text.size() > kPart) {
      EXPECT_EQ(error, FsError::kNotSupported);
    } else {
      EXPECT_EQ(error, std::nullopt);
      if (text.size() < offset + patch.size()) {
        text.resize(offset + patch.size());
      }
      text.replace(offset, patch.size(), patch);
    }
    EXPECT_TRUE(Close(handle).ok());
  }
  void Truncate(const std::string& path) {
    if (!model_.files.contains(path)) return;
    std::string& text = model_.files[path];
    AttributeChange change;
    change.size = Random(3) == 0 ? 0 : Random(2 * kPart);
    const auto error = ErrorOf(fs_->SetAttributes(InodeOf(path), change));
    if (text.size() > kPart && *change.size != 0 &&
        *change.size != text.size()) {
      EXPECT_EQ(error, FsError::kNotSupported);
      return;
    }
    EXPECT_EQ(error, std::nullopt);
    text.resize(*change.size);
  }
  void Remove(const std::string& path) {
    const auto error = ErrorOf(Unlink(path));
    if (model_.files.erase(path) == 1) {
      EXPECT_EQ(error, std::nullopt);
    } else {
      EXPECT_EQ(error, model_.directories.contains(path) ? FsError::kIsDirectory
                                                         : FsError::kNotFound);
    }
  }
  void AddDirectory(const std::string& path) {
    const bool there =
        model_.files.contains(path) || model_.directories.contains(path);
    EXPECT_EQ(ErrorOf(MakeDirectory(path)),
              there ? std::optional(FsError::kExists) : std::nullopt);
    if (!there) model_.directories.insert(path);
  }
  void DropDirectory(const std::string& path) {
    std::optional<FsError> expected;
    if (model_.files.contains(path)) {
      expected = FsError::kNotDirectory;
    } else if (!model_.directories.contains(path)) {
      expected = FsError::kNotFound;
    } else if (!model_.IsEmpty(path)) {
      expected = FsError::kNotEmpty;
    }
    EXPECT_EQ(ErrorOf(RemoveDirectory(path)), expected);
    if (!expected) model_.directories.erase(path);
  }
  void Move(const std::string& from, const std::string& to) {
    std::optional<FsError> expected;
    const bool no_replace = Random(3) == 0;
    if (model_.directories.contains(from)) {
      if (from == to) return;
      expected = FsError::kCrossDevice;
    } else if (!model_.files.contains(from)) {
      expected = FsError::kNotFound;
    } else if (no_replace &&
               (model_.files.contains(to) || model_.directories.contains(to))) {
      expected = FsError::kExists;
    } else if (model_.directories.contains(to)) {
      expected = FsError::kIsDirectory;
    }
    EXPECT_EQ(ErrorOf(Rename(from, to, no_replace)), expected);
    if (expected || from == to) return;
    model_.files[to] = model_.files[from];
    model_.files.erase(from);
  }
  void Check(const std::string& path) {
    const auto entry = Walk(path);
    const auto file = model_.files.find(path);
    if (file != model_.files.end()) {
      ASSERT_TRUE(entry.ok());
      EXPECT_EQ(entry->attributes.size, file->second.size());
      EXPECT_TRUE(*ReadFile(path) == file->second);
      EXPECT_TRUE(store_->Text(path) == file->second);
    } else if (model_.directories.contains(path)) {
      EXPECT_EQ(entry->attributes.type, FileType::kDirectory);
      EXPECT_EQ(*List(path, 1 + Random(9)), model_.ListOf(path));
    } else {
      EXPECT_EQ(ErrorOf(entry), FsError::kNotFound);
    }
  }
  void Step() {
    const std::string path = RandomPath();
    const std::string other = RandomPath();
    if (!Reachable(path) || !Reachable(other)) return;
    switch (Random(11)) {
      case 0:
      case 1:
        return WriteWhole(path);
      case 2:
        return WritePlace(path);
      case 3:
        return Truncate(path);
      case 4:
        return Remove(path);
      case 5:
        return AddDirectory(path);
      case 6:
        return DropDirectory(path);
      case 7:
        return Move(path, other);
      case 8:
        return Expire();
      case 9:
        return clock_.Advance(std::chrono::milliseconds(Random(900)));
      default:
        return Check(path);
    }
  }

  std::mt19937 random_;
  Model model_;
};

TEST_F(ModelTest, RandomOperationsDoWhatTheModelSays) {
  const int seed = ::testing::UnitTest::GetInstance()->random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  random_.seed(static_cast<unsigned>(seed));
  for (int step = 0; step < 4000; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    Step();
    if (HasFailure()) return;
  }
  for (const auto& [path, text] : model_.files) Check(path);
  for (const std::string& path : model_.directories) Check(path);
  EXPECT_EQ(store_->open_uploads(), 0u);
}

}  // namespace
}  // namespace datashim::fs
