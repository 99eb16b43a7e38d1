import 'react';

declare module 'react' {
  interface CSSProperties {
    /** Our own properties, read by a stylesheet beside the component. */
    [name: `--${string}`]: string | number | undefined;
  }
}
