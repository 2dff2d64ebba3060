// The same package for `import`: one copy of the code, whichever way it is loaded.
import sdk from './index.cjs';

export const { Event, reject, retry, throttle, serve } = sdk;
