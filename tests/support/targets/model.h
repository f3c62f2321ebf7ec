/* model.h: the model that a driver runs, which the command line names: -DMODEL=undin_tiny -DMODEL_MACRO=UNDIN_TINY. */
#define JOINED_(a, b) a##_##b
#define JOINED(a, b) JOINED_(a, b)
#define UNDIN(name) JOINED(MODEL, name)         /* undin_tiny_name */
#define UNDIN_SIZE(name) JOINED(MODEL_MACRO, name) /* UNDIN_TINY_name */
