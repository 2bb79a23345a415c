#include "endings.h"

#include <cerrno>
#include <unistd.h>

#include "crash_point.h"

namespace {

// Whether a path names nothing now.
bool removed(int result) {
    return result == 0 || errno == ENOENT;
}

} // namespace

Endings::~Endings() {
    if (runs_) loop_.stop();
}

int Endings::start() {
    if (runs_) return 0;
    int error = loop_.start([](uint64_t, uint32_t) {});
    runs_ = error == 0;
    return error;
}

void Endings::append(Append append, std::vector<uint32_t> ended, std::function<void(const Appended &)> done) {
    loop_.send([this, append = std::move(append), ended = std::move(ended), done = std::move(done)] {
        Appended appended = append_synced(append);
        bool is_on_disk = appended.error == 0 && appended.named == Appended::kFile;
        if (is_on_disk && !append.bytes.empty()) crash_point("record-written");
        for (uint32_t handle : is_on_disk ? ended : std::vector<uint32_t>())
            if (auto due = note(handle, kRecord, [](Ending &) {})) finish(*due);
        done(appended);
    });
}

void Endings::begin(uint32_t handle, std::shared_ptr<Container> container, std::vector<std::string> files,
                    std::function<void(const Left &)> ended) {
    finish_on_thread(note(handle, kBegun, [&](Ending &ending) {
        ending.container = std::move(container);
        ending.files = std::move(files);
        ending.ended = std::move(ended);
    }));
}

void Endings::done(uint32_t handle, Part part) {
    finish_on_thread(note(handle, part, [](Ending &) {}));
}

// Gives the ending if this part was the last one.
template <typename Change> std::shared_ptr<Endings::Ending> Endings::note(uint32_t handle, Part part, Change change) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto &ending = endings_[handle];
    if (!ending) ending = std::make_shared<Ending>();
    ending->done |= part;
    change(*ending);
    if (ending->done != kAll) return nullptr;
    auto due = ending;
    endings_.erase(handle);
    return due;
}

void Endings::finish_on_thread(std::shared_ptr<Ending> ending) {
    if (ending) loop_.send([this, ending] { finish(*ending); });
}

// The group goes first: no other container may get the ids and the address while a process still has them.
void Endings::finish(Ending &ending) const {
    Left left;
    crash_point("output-stored");
    if (ending.container) {
        left.group = ending.container->group.remove(ending.container->path) < 0;
        crash_point("group-removed");
        forget_(*ending.container);
        ending.container.reset(); // closes its descriptors on this thread
    }
    for (const std::string &file : ending.files)
        if (!removed(unlink(file.c_str()))) left.files = true;
    if (!ending.files.empty()) rmdir(ending.files[0].substr(0, ending.files[0].rfind('/')).c_str());
    crash_point("end-finished");
    ending.ended(left);
}
