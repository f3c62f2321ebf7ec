/* loading.h: libraries as a program loads them that tests run on Linux, in QEMU or under Wine. */
#ifndef LOADING_H
#define LOADING_H

#include <stdio.h>
#include <stdlib.h>

#if defined(_WIN32)
#include <fcntl.h>
#include <io.h>
#include <windows.h>
static void *loaded(const char *path) { return (void *)LoadLibraryA(path); }
static void *find(void *library, const char *name) { return (void *)GetProcAddress((HMODULE)library, name); }
static void let_bytes_be(void) { /* else ends of lines are changed */
    _setmode(0, _O_BINARY);
    _setmode(1, _O_BINARY);
}
#else
#include <dlfcn.h>
static void *loaded(const char *path) { return dlopen(path, RTLD_NOW | RTLD_LOCAL); }
static void *find(void *library, const char *name) { return dlsym(library, name); }
static void let_bytes_be(void) {}
#endif

/* What has a name in a library, which may be one that could not be loaded; else the program ends. */
static void *found(void *library, const char *name) {
    void *place = library ? find(library, name) : NULL;
    if (!place) {
        fprintf(stderr, "%s: not found\n", name);
        exit(2);
    }
    return place;
}

#endif
