/* A prebuilt executable: nothing is built, but what the kernel would refuse at every start is refused once, here: no
 * executable bit, another machine's code, an interpreter or loader that this machine doesn't have. Its own machine is
 * read from /proc/self/exe, so there is no table of machines to keep. */
#include "adapters/build/step.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The program's path and its arguments. */
static const char *const *bin_words(const struct build *build)
{
    static const char *const usual[] = { "main", NULL };
    return build->options->command != NULL ? build->options->command : usual;
}

/* False if the file is shorter. */
static bool read_at(int fd, void *into, size_t bytes, uint64_t offset)
{
    return offset <= INT64_MAX && pread(fd, into, bytes, (off_t)offset) == (ssize_t)bytes;
}

static bool own_header(Elf64_Ehdr *ret_header)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && read_at(fd, ret_header, sizeof *ret_header, 0);
    if (fd >= 0) {
        close(fd);
    }
    return good;
}

/* The loader that a dynamic program names. */
static bool check_loader(struct build *build, int fd, const Elf64_Ehdr *header)
{
    enum { HEADERS_MAX = 64 };
    for (unsigned i = 0; i < header->e_phnum && i < HEADERS_MAX; i++) {
        Elf64_Phdr part;
        char loader[256] = "";
        if (!read_at(fd, &part, sizeof part, header->e_phoff + (uint64_t)i * sizeof part)) {
            return build_refuse(build, "%s is cut off", build->entry);
        }
        size_t bytes = part.p_filesz < sizeof loader - 1 ? (size_t)part.p_filesz : sizeof loader - 1;
        if (part.p_type == PT_INTERP && (!read_at(fd, loader, bytes, part.p_offset) || access(loader, X_OK) != 0)) {
            return build_refuse(build, "%s needs the loader %s, which this machine doesn't have; link it statically",
                                build->entry, loader);
        }
    }
    return true;
}

static bool check_elf(struct build *build, int fd)
{
    Elf64_Ehdr header, own;
    if (!own_header(&own)) {
        build_end(build, BUILD_BROKEN, "/proc/self/exe can't be read: %s", strerror(errno));
        return false;
    }
    if (!read_at(fd, &header, sizeof header, 0)) {
        return build_refuse(build, "%s is cut off: %s", build->entry, "it ends within its ELF header");
    }
    if (memcmp(&header.e_ident[EI_CLASS], &own.e_ident[EI_CLASS], 2) != 0 || header.e_machine != own.e_machine) {
        return build_refuse(
            build,
            "%s is a program for another machine (ELF machine %u, %d bit); this one runs machine %u, 64 "
            "bit (%s): build it for this one",
            build->entry, header.e_machine, header.e_ident[EI_CLASS] == ELFCLASS32 ? 32 : 64, own.e_machine,
            build->toolchain.version);
    }
    if (header.e_type != ET_EXEC && header.e_type != ET_DYN) {
        return build_refuse(build, "%s is an ELF file but no program (a .o file?)", build->entry);
    }
    return header.e_phentsize != sizeof(Elf64_Phdr) || check_loader(build, fd, &header);
}

static bool check_script(struct build *build, char *line)
{
    line[strcspn(line, "\r\n")] = 0;
    char *interpreter = line + 2 + strspn(line + 2, " \t");
    interpreter[strcspn(interpreter, " \t")] = 0;
    if (interpreter[0] != '/' || access(interpreter, X_OK) != 0) {
        return build_refuse(build, "%s begins with #!%.128s, which is no program on this machine", build->entry,
                            interpreter);
    }
    return true;
}

static bool check_content(struct build *build, int fd)
{
    char begin[256] = "";
    ssize_t got = pread(fd, begin, sizeof begin - 1, 0);
    if (got >= SELFMAG && memcmp(begin, ELFMAG, SELFMAG) == 0) {
        return check_elf(build, fd);
    }
    if (got >= 2 && begin[0] == '#' && begin[1] == '!') {
        return check_script(build, begin);
    }
    return build_refuse(build, "%s is neither an ELF program nor a script that begins with #!", build->entry);
}

static bool bin_look(struct build *build)
{
    char path[BUILD_FULL_PATH_BYTES];
    const char *command = bin_words(build)[0];
    if (command == NULL) {
        return build_refuse(build, "spec.command is empty");
    }
    command += strncmp(command, "./", 2) == 0 ? 2 : 0;
    snprintf(build->entry, sizeof build->entry, "%s", command);
    const struct source_file *found = NULL;
    for (size_t i = 0; i < build->source.count && found == NULL; i++) {
        found = strcmp(build->source.files[i].path, build->entry) == 0 ? &build->source.files[i] : NULL;
    }
    if (found == NULL) {
        return build_refuse(build, "the folder holds no program %s: name it main, or name it in spec.command",
                            build->entry);
    }
    if (!found->executable) {
        return build_refuse(build, "%s is not executable: chmod +x it and deploy again", build->entry);
    }
    snprintf(path, sizeof path, "%s/src/%s", build->work, build->entry);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        build_end(build, BUILD_BROKEN, "%s can't be opened: %s", build->entry, strerror(errno));
        return false;
    }
    bool good = check_content(build, fd);
    close(fd);
    return good;
}

static bool bin_compile(struct build *build)
{
    build_end(build, BUILD_DONE, "%s", "");
    return true;
}

static bool bin_command(struct build *build)
{
    bool good = build_argument(build, "%s/src/%s", build->result->directory, build->entry);
    for (const char *const *word = bin_words(build) + 1; good && *word != NULL; word++) {
        good = build_argument(build, "%s", *word);
    }
    return good;
}

const struct build_steps build_steps_bin = { .look = bin_look, .compile = bin_compile, .command = bin_command };
