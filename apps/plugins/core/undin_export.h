/* undin_export.h: marks the one function by which a host finds a plug-in; all else in it is hidden. */
#ifndef UNDIN_EXPORT_H
#define UNDIN_EXPORT_H

#if defined _WIN32
#define UNDIN_EXPORT __declspec(dllexport)
#else
#define UNDIN_EXPORT __attribute__((visibility("default")))
#endif

#endif
