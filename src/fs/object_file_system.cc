#include "fs/object_file_system.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/log.h"

namespace datashim::fs {
namespace {

struct MemoryPlan {
  BufferPoolOptions pool;
  std::uint64_t part_bytes = 0;
  std::uint64_t upload_part_bytes_max = 0;
  std::uint64_t read_window_bytes_max = 0;
};

// Splits the memory: a quarter, and at least what the oldest waiting read
// needs, is kept for reads; upload parts grow as far as one that is filled and
// part_uploads_max that are sent fit into the rest.
MemoryPlan PlanMemory(const FileSystemOptions& options) {
  MemoryPlan plan;
  const std::uint64_t part = std::bit_floor(
      std::max<std::uint64_t>(options.part_bytes, BufferPool::kBufferBytesMin));
  const std::uint64_t reserve =
      std::max({options.memory_bytes_max / 4, 2 * part, 4 * kReadBytesMax});
  const std::uint64_t memory =
      std::max(options.memory_bytes_max, reserve + 2 * part);
  const std::uint64_t uploads = memory - reserve;
  std::uint64_t upload_part = part;
  while (upload_part < 16 * part &&
         (options.part_uploads_max + 1) * upload_part * 4 <= uploads) {
    upload_part *= 4;
  }
  plan.part_bytes = part;
  plan.upload_part_bytes_max = upload_part;
  plan.read_window_bytes_max =
      std::min<std::uint64_t>(memory / 2, options.fetches_max * part);
  plan.pool = {.bytes_max = memory,
               .buffer_bytes_max = upload_part,
               .read_bytes_reserve = reserve};
  return plan;
}

ReadPathOptions ReadOptions(const FileSystemOptions& options) {
  const MemoryPlan memory = PlanMemory(options);
  ReadPathOptions read;
  read.fetches_max = options.fetches_max;
  read.request_timeout = options.request_timeout;
  read.planner.part_bytes = memory.part_bytes;
  read.fill_after_bytes = 2 * memory.part_bytes;
  read.window = {.part_bytes = memory.part_bytes,
                 .bytes_min = 4 * memory.part_bytes,
                 .bytes_max = memory.read_window_bytes_max};
  return read;
}

constexpr std::size_t kPreparedFilesMax = 256;
constexpr std::size_t kProbeThreads = 4;
// For pages ahead and directories ahead; what waits behind so many is fetched
// by who reads it.
constexpr std::size_t kListThreads = 16;
constexpr std::size_t kListsQueuedMax = 32;

}  // namespace

std::shared_ptr<BufferPool> MakeMemory(const FileSystemOptions& options) {
  return std::make_shared<BufferPool>(PlanMemory(options).pool);
}

std::unique_ptr<FileSystem> MakeFileSystem(
    std::shared_ptr<store::ObjectStore> store, const FileSystemOptions& options,
    Clock& clock, DiskCache disk, const std::optional<RootPage>& root) {
  return std::make_unique<ObjectFileSystem>(std::move(store), options, clock,
                                            std::move(disk), root);
}

ObjectFileSystem::ObjectFileSystem(std::shared_ptr<store::ObjectStore> store,
                                   const FileSystemOptions& options,
                                   Clock& clock, DiskCache disk,
                                   const std::optional<RootPage>& root)
    : store_(std::move(store)),
      options_(options),
      clock_(clock),
      disk_(std::move(disk)),
      mounted_at_(clock.WallNow()),
      pool_(options.memory ? options.memory : MakeMemory(options)),
      upload_threads_("upload", 2 * std::size_t{options.part_uploads_max},
                      4 * std::size_t{options.part_uploads_max}),
      // A full queue means that all threads are busy: then the caller lists.
      probe_threads_("probe", kProbeThreads, kProbeThreads),
      list_threads_("list", kListThreads, kListsQueuedMax),
      listing_context_{*store_, list_threads_, options.request_timeout, hidden_,
                       clock_},
      upload_context_{*store_,
                      pool_,
                      upload_threads_,
                      PlanMemory(options).part_bytes,
                      PlanMemory(options).upload_part_bytes_max,
                      options.part_uploads_max,
                      options.request_timeout},
      read_path_(*store_, pool_, disk_, ReadOptions(options)),
      tree_(options.metadata_ttl),
      prepared_(kPreparedFilesMax, options.memory_bytes_max / 8) {
  pool_.SetListeners([this] { return read_path_.ReclaimOne(); },
                     [this] { read_path_.Wake(); });
  // Of more than a page, a file's name may turn out to be a directory's.
  if (root && root->page.continuation.empty()) {
    tree_.SetFirstNames(
        Listing::Whole(listing_context_, "", root->page, root->asked));
  }
}

ObjectFileSystem::~ObjectFileSystem() {
  read_path_.Stop();
  for (auto& [inode, file] : files_) {
    if (file.reader) read_path_.Close(*file.reader);
    if (file.writer && file.writer->dirty()) {
      log::Warn(
          "a file was still being written at the end of the mount; it is "
          "not in the store",
          {{"inode", std::to_string(inode)},
           {"bytes", std::to_string(file.writer->size())}});
    }
  }
  for (const auto& file : prepared_.Clear()) read_path_.Close(*file);
  // Others that share the memory may still ask.
  pool_.SetListeners(nullptr, nullptr);
  files_.clear();  // Aborts uploads.
  upload_threads_.Stop();
  probe_threads_.Stop();
  list_threads_.Stop();
}

// The deadlines of requests run on the machine's clock; clock_ is for ages.
Deadline ObjectFileSystem::RequestDeadline() const {
  return Deadline::After(options_.request_timeout);
}

FsResult<Inode*> ObjectFileSystem::FindInode(InodeId id) {
  Inode* inode = tree_.inodes().Find(id);
  if (inode == nullptr) {
    return FsFailure{FsError::kStale,
                     "inode " + std::to_string(id) + " is not known"};
  }
  return inode;
}

FsResult<Inode*> ObjectFileSystem::FindDirectory(InodeId id) {
  auto inode = FindInode(id);
  if (inode.ok() && !(*inode)->is_directory()) return FsError::kNotDirectory;
  return inode;
}

Attributes ObjectFileSystem::AttributesOf(const Inode& inode) {
  const InodeRecord& record = inode.record;
  Attributes attributes;
  attributes.inode = record.id;
  attributes.type = record.type;
  const bool directory = inode.is_directory();
  attributes.size = directory ? 0 : record.size;
  attributes.mode = inode.has(kInodeHasMode) ? record.mode
                    : directory              ? options_.directory_mode
                                             : options_.file_mode;
  attributes.uid = inode.has(kInodeHasOwner) ? record.uid : options_.uid;
  attributes.gid = inode.has(kInodeHasOwner) ? record.gid : options_.gid;
  attributes.modified = WallFromNanoseconds(record.modified_ns);
  if (!inode.has(kInodeHasModified)) {
    // Whole seconds: a HEAD has no more, and a time must not depend on whether
    // a HEAD or a LIST brought it.
    attributes.modified = std::chrono::floor<std::chrono::seconds>(
        directory ? mounted_at_ : attributes.modified);
  }
  const auto file = files_.find(record.id);
  if (file != files_.end() && file->second.writer) {
    attributes.size = file->second.writer->size();
  }
  return attributes;
}

Entry ObjectFileSystem::EntryOf(const Inode& inode, MonotonicTime as_of) {
  const Duration age = clock_.Now() - as_of;
  return {AttributesOf(inode),
          std::max(options_.metadata_ttl - age, Duration::zero())};
}

FsResult<ObjectFileSystem::Place> ObjectFileSystem::PlaceOf(
    InodeId parent, std::string_view name) {
  auto directory = FindDirectory(parent);
  if (!directory.ok()) return directory.failure();
  if (auto failure = CheckName(name)) return *failure;
  const auto directory_key = tree_.inodes().Key(**directory);
  if (!directory_key) return FsError::kNotFound;  // It was removed.
  Place place{parent, std::string(name), Tree::PrefixOf(*directory_key)};
  place.key += name;
  // With room for the '/' of a directory's marker.
  if (place.key.size() >= kKeyBytesMax) {
    return FsFailure{FsError::kNameTooLong,
                     "a path of more than 1,023 bytes cannot be a key"};
  }
  return place;
}

FsResult<ObjectFileSystem::Place> ObjectFileSystem::ResolvePlace(
    InodeId parent, std::string_view name) {
  const Lock lock(mutex_);
  return PlaceOf(parent, name);
}

StatFs ObjectFileSystem::GetStatFs() {
  // Large, and far from overflow in 512-byte blocks of 32-bit programs' libc.
  constexpr std::uint64_t kBytes = std::uint64_t{1} << 50;
  constexpr std::uint64_t kInodes = std::uint64_t{1} << 40;
  return {kBytes, kBytes, kInodes, kInodes};
}

}  // namespace datashim::fs
