/* start.h: the stack of the application, as start.c and sections.ld lay it out. */
#ifndef START_H
#define START_H

/* Bytes of it, and how many of them were ever written to. */
unsigned stack_bytes(void);
unsigned stack_used_bytes(void);

#endif
