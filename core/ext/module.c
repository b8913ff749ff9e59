/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/module.c - modules that are mapped into this process.
 *
 * The bytes are copied to a sealed memory file before anything looks at them, so what was checked
 * is what is mapped, whatever happens to the file on disk.  A module that does not say it may be
 * unloaded stays mapped to the end (its destructors of thread-local data and its stray callbacks
 * would make dlclose() a crash), and is found again by its bytes.
 */
#include "ext/module.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/str.h"
#include "ext/module_file.h"
#include "ext/module_ref.h"
#include "ext/normalise.h"
#include "ext/remote.h"

enum { FD_PATH = 32 };

struct module {
	struct module *next;
	char *path; /* from where it was loaded first; NULL while nobody holds it */
	uint32_t refs;
	int fd;      /* sealed */
	void *bytes; /* its contents, readable */
	size_t size;
	void *handle;        /* of dlopen() */
	bool is_builtin;     /* a part of this program: no file, no bytes, no handle */
	bool is_isolated;    /* not mapped here: no handle */
	struct arena tables; /* of an isolated one: what its process has told */
	struct module_signature signature;
	struct module_note note;
	struct normalised n;
};

/* The control thread's: all that are mapped, held or not. */
static struct module *modules;

/*
 * The dynamic linker knows a file by this name, so the descriptor stays open as long as the
 * module is mapped: a second module under the same number would be taken for the first.
 */
static void fd_path(int fd, char out[FD_PATH])
{
	(void)snprintf(out, FD_PATH, "/proc/self/fd/%d", fd);
}

static int write_all(int fd, const unsigned char *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = write(fd, bytes + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

/* A memory file with these bytes that nobody can change any more; its descriptor or -errno. */
static int sealed_copy(const void *bytes, size_t size)
{
	int fd = memfd_create("xvs-extension", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int code;

	if (fd < 0)
		return -errno;
	code = write_all(fd, bytes, size);
	if (code == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE))
		code = -errno;
	if (code == 0)
		return fd;
	(void)close(fd);
	return code;
}

static int copy_create(struct module *m, const void *bytes, size_t size, struct xvs_error *err)
{
	m->fd = sealed_copy(bytes, size);
	if (m->fd < 0)
		return error_set(err, m->fd, "", "cannot be copied to a memory file: %s",
				 strerror(-m->fd));
	m->bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, m->fd, 0);
	if (m->bytes == MAP_FAILED) {
		int code = -errno;

		(void)close(m->fd);
		return error_set(err, code, "", "cannot be mapped: %s", strerror(-code));
	}
	m->size = size;
	return 0;
}

static void copy_destroy(struct module *m)
{
	(void)munmap(m->bytes, m->size);
	(void)close(m->fd);
}

static int link_module(struct module *m, struct xvs_error *err)
{
	char name[FD_PATH];
	const char *why;
	size_t len;

	fd_path(m->fd, name);
	m->handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (m->handle)
		return 0;
	why = dlerror();
	if (!why)
		why = "no reason given";
	/* The linker's text begins with a name that means nothing to the operator. */
	len = strlen(name);
	if (strncmp(why, name, len) == 0 && strncmp(why + len, ": ", 2) == 0)
		why += len + 2;
	return error_set(err, -ENOEXEC, "", "cannot be linked: %s", why);
}

/* Adds to 'modules' what can be mapped, here or elsewhere; NULL and *err. */
static struct module *module_map(const void *bytes, size_t size, bool is_isolated,
				 struct xvs_error *err)
{
	struct module *m = calloc(1, sizeof(*m));

	if (!m) {
		(void)error_set(err, -ENOMEM, "", "out of memory");
		return NULL;
	}
	if (copy_create(m, bytes, size, err))
		goto err_free;
	m->is_isolated = is_isolated;
	if (note_parse(m->bytes, m->size, &m->note, err) || (!is_isolated && link_module(m, err)))
		goto err_copy;
	m->next = modules;
	modules = m;
	return m;

err_copy:
	copy_destroy(m);
err_free:
	free(m);
	return NULL;
}

static void module_forget(struct module *m)
{
	struct module **place = &modules;

	while (*place != m)
		place = &(*place)->next;
	*place = m->next;
	if (!m->is_builtin)
		copy_destroy(m);
	module_signature_finish(&m->signature);
	arena_finish(&m->tables);
	free(m->path);
	free(m);
}

/* Nobody holds it any more, or it was refused. */
static void module_drop(struct module *m)
{
	char name[FD_PATH];

	normalised_finish(&m->n);
	free(m->path);
	m->path = NULL;
	if (m->is_builtin || m->is_isolated) {
		module_forget(m);
		return;
	}
	if (!(m->n.flags & XVS_MODULE_UNLOADABLE))
		return;
	(void)dlclose(m->handle);
	fd_path(m->fd, name);
	/* The linker may keep it all the same (thread-local data, -z nodelete). */
	m->handle = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
	if (!m->handle)
		module_forget(m);
}

/* It must be data, and hold as many bytes as it says. */
static int symbol_check(const void *symbol, const Elf64_Sym *entry, struct xvs_error *err)
{
	uint32_t size;

	if (ELF64_ST_TYPE(entry->st_info) != STT_OBJECT)
		return error_set(err, -ENOEXEC, "", "exports xvs_module_1, but not as data");
	if (entry->st_size < sizeof(size))
		return error_set(err, -ENOEXEC, "", "exports an xvs_module_1 of %llu bytes",
				 (unsigned long long)entry->st_size);
	memcpy(&size, symbol, sizeof(size));
	if (size > entry->st_size)
		return error_set(err, -EINVAL, "",
				 "xvs_module: size is %u, the symbol has %llu bytes", size,
				 (unsigned long long)entry->st_size);
	return 0;
}

/* The module's symbol, of this file and not of a library that it links; NULL and *err. */
static const void *symbol_find(const struct module *m, struct xvs_error *err)
{
	const void *symbol = dlsym(m->handle, "xvs_module_1");
	char name[FD_PATH];
	void *entry = NULL;
	Dl_info info;

	fd_path(m->fd, name);
	if (!symbol || !dladdr1(symbol, &info, &entry, RTLD_DL_SYMENT) || !entry ||
	    strcmp(info.dli_fname, name) != 0) {
		(void)error_set(err, -ENOEXEC, "",
				"does not export the symbol xvs_module_1: "
				"declare it with XVS_EXPORT");
		return NULL;
	}
	return symbol_check(symbol, entry, err) ? NULL : symbol;
}

/* The tables of a module, whose symbol is 'raw'. */
static int module_read(struct module *m, const struct xvs_module *raw,
		       bool (*has_interface)(const char *id), struct xvs_error *err)
{
	int code = module_normalise(raw, &m->note, has_interface, &m->n, err);

	if (code)
		return code;
	for (uint32_t i = 0; i < m->n.count; i++)
		m->n.extensions[i].module = m;
	return 0;
}

/* May each of its extensions run elsewhere?  Their verdicts come from there. */
static int module_isolate(const struct module *m, struct xvs_error *err)
{
	int code = 0;

	for (uint32_t i = 0; i < m->n.count && code == 0; i++) {
		m->n.extensions[i].remote = &instance_remote;
		code = remote_check(&m->n.extensions[i], err);
	}
	return code;
}

/* Symbol and tables of a module that is mapped; of one that is not, as its process tells them. */
static int module_admit(struct module *m, bool (*has_interface)(const char *id),
			struct xvs_error *err)
{
	const struct xvs_module *raw =
		m->is_isolated ? remote_describe(m->fd, &m->tables, err) : symbol_find(m, err);
	int code = raw ? module_read(m, raw, has_interface, err) : err->code;

	return code == 0 && m->is_isolated ? module_isolate(m, err) : code;
}

static struct module *module_by_bytes(const void *bytes, size_t size, bool is_isolated)
{
	struct module *m = modules;

	while (m && (m->is_builtin || m->is_isolated != is_isolated || m->size != size ||
		     memcmp(m->bytes, bytes, size) != 0))
		m = m->next;
	return m;
}

enum mapping {
	MAPPED_HERE,
	MAPPED_ELSEWHERE,
	MAPPED_ANYWHERE, /* elsewhere if it is, else here */
};

/* What is to be loaded: from where, and how. */
struct loading {
	const char *path;
	const void *bytes;
	size_t size;
	enum mapping how;
};

static int module_take(const struct loading *l, bool (*has_interface)(const char *id),
		       struct module **out, struct xvs_error *err)
{
	bool is_isolated = l->how == MAPPED_ELSEWHERE;
	struct module *m = module_by_bytes(l->bytes, l->size, l->how != MAPPED_HERE);
	int code;

	if (!m && l->how == MAPPED_ANYWHERE)
		m = module_by_bytes(l->bytes, l->size, false);
	if (m && m->refs) {
		*out = module_get(m);
		return 0;
	}
	if (!m)
		m = module_map(l->bytes, l->size, is_isolated, err);
	if (!m)
		return err->code;
	code = module_admit(m, has_interface, err);
	if (code == 0) {
		m->path = strdup(l->path);
		if (!m->path)
			code = error_set(err, -ENOMEM, "", "out of memory");
	}
	if (code) {
		module_drop(m);
		return code;
	}
	*out = module_get(m);
	return 0;
}

/* Keeps a signature only if a key that counts made it. */
static int check_file(struct module_file *f, const struct trust *trust, struct xvs_error *err)
{
	struct minisign_proof proof;
	struct module_note note;
	int code = module_file_check(f, trust, &note, &proof, err);

	if (code == 0 && !proof.key[0])
		module_signature_finish(&f->signature);
	return code;
}

/* That of a bundle, unless another module is in it by now. */
static struct module_signature bundle_signature(const struct module *m)
{
	struct module_signature found = { .text = NULL };
	struct module_file f;

	if (module_file_read(m->path, &f, NULL))
		return found;
	if (f.module.len == m->size && memcmp(f.module.at, m->bytes, m->size) == 0)
		found = module_file_signature(&f);
	module_file_finish(&f);
	return found;
}

/* Since it was loaded it may have been signed, or signed by another key. */
static int signature_again(struct module *m, const struct trust *trust, struct minisign_proof *out,
			   struct xvs_error *err)
{
	struct module_signature now = { .text = NULL };
	int code = 0;

	if (bundle_is_name(m->path))
		now = bundle_signature(m);
	else
		code = module_signature_read(m->path, &now);
	if (code == 0)
		code = trust_check(trust, &now, m->bytes, m->size, out, err);
	if (code == 0 && out->key[0]) {
		module_signature_finish(&m->signature);
		m->signature = now;
	} else {
		module_signature_finish(&now);
	}
	return code;
}

int module_trusted(struct module *m, const struct trust *trust, struct minisign_proof *out,
		   struct xvs_error *err)
{
	*out = (struct minisign_proof){ 0 };
	if (m->is_builtin ||
	    (trust_check(trust, &m->signature, m->bytes, m->size, out, NULL) == 0 && out->key[0]) ||
	    signature_again(m, trust, out, err) == 0)
		return 0;
	return err ? error_context(err, "%s", m->path) : -ENOKEY;
}

static int load(const char *path, const struct trust *trust, enum mapping how,
		bool (*has_interface)(const char *id), struct module **out, struct xvs_error *err)
{
	struct module_file f = { .bytes = NULL };
	struct xvs_error unused = ERROR_INIT;
	int code;

	if (!err)
		err = &unused;
	code = module_file_read(path, &f, err);
	if (code == 0)
		code = check_file(&f, trust, err);
	if (code == 0)
		code = module_take(&(struct loading){ path, f.module.at, f.module.len, how },
				   has_interface, out, err);
	if (code == 0 && f.signature.text) { /* the one that counts now */
		module_signature_finish(&(*out)->signature);
		(*out)->signature = module_file_signature(&f);
	}
	module_file_finish(&f);
	if (code)
		(void)error_context(err, "%s", path);
	return code;
}

int module_load(const char *path, const struct trust *trust, bool (*has_interface)(const char *id),
		struct module **out, struct xvs_error *err)
{
	return load(path, trust, MAPPED_HERE, has_interface, out, err);
}

int module_load_isolated(const char *path, const struct trust *trust,
			 bool (*has_interface)(const char *id), struct module **out,
			 struct xvs_error *err)
{
	return load(path, trust, MAPPED_ELSEWHERE, has_interface, out, err);
}

int module_load_known(const char *path, const struct trust *trust,
		      bool (*has_interface)(const char *id), struct module **out,
		      struct xvs_error *err)
{
	return load(path, trust, MAPPED_ANYWHERE, has_interface, out, err);
}

/* The daemon has checked it, and made the copy that nobody can change. */
int module_map_fd(int fd, bool (*has_interface)(const char *id), struct module **out,
		  struct xvs_error *err)
{
	struct loading l = { .path = "the module" };
	off_t size = lseek(fd, 0, SEEK_END);
	void *bytes =
		size > 0 ? mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	int code;

	if (bytes == MAP_FAILED)
		return error_set(err, -EINVAL, "", "the module cannot be mapped");
	l.bytes = bytes;
	l.size = (size_t)size;
	code = module_take(&l, has_interface, out, err);
	(void)munmap(bytes, l.size);
	return code;
}

int module_fd(const struct module *m)
{
	return m->fd;
}

int module_builtin(const struct xvs_module *raw, const char *name,
		   bool (*has_interface)(const char *id), struct module **out,
		   struct xvs_error *err)
{
	struct module *m = calloc(1, sizeof(*m));
	int code;

	if (!m)
		return error_set(err, -ENOMEM, "", "out of memory");
	m->is_builtin = true;
	m->path = strdup("built in");
	m->note = (struct module_note){ .abi_major = XVS_ABI_MAJOR, .classes = ~0u, .rights = ~0u };
	(void)str_copy(m->note.id, sizeof(m->note.id), name);
	(void)str_copy(m->note.version, sizeof(m->note.version), XVS_VERSION);
	m->next = modules;
	modules = m;
	code = m->path ? module_read(m, raw, has_interface, err)
		       : error_set(err, -ENOMEM, "", "out of memory");
	if (code) {
		module_drop(m);
		return error_context(err, "built-in %s", name);
	}
	*out = module_get(m);
	return 0;
}

bool module_is_builtin(const struct module *m)
{
	return m->is_builtin;
}

struct module *module_get(struct module *m)
{
	m->refs++;
	return m;
}

void module_put(struct module *m)
{
	if (m && --m->refs == 0)
		module_drop(m);
}

const char *module_path(const struct module *m)
{
	return m->path;
}

const struct module_note *module_note_of(const struct module *m)
{
	return &m->note;
}

const struct extension *module_extensions(const struct module *m, uint32_t *count)
{
	*count = m->n.count;
	return m->n.extensions;
}
