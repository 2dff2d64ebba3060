// node run.mjs ENTRY: the same as run.cjs, which starts faster.
import './run.cjs';
