import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** `npx vite src/dashboard/app` serves the pages as they are written, before a gateway on its usual port. */
export default defineConfig({
  base: '/ui/',
  plugins: [react()],
  build: {
    target: 'es2023',
    // No scripts or styles in the page itself: its policy refuses them.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
  },
  server: {
    proxy: { '/api': 'http://127.0.0.1:8080', '/aperture': 'http://127.0.0.1:8080' },
  },
});
