/* interrupts.h: what the processor calls: board.c has the table. */
#ifndef INTERRUPTS_H
#define INTERRUPTS_H

/* DMA has brought a block: sound.c. */
void block_is_complete(void);

/* The line can take another character: line.c. */
void line_is_free(void);

#endif
