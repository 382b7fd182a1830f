import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { view } from './view';

const client = fileURLToPath(new URL('../client', import.meta.url));
const page = await readFile(join(client, 'index.html'), 'utf8');
const types: Record<string, string> = { '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' };

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  if (pathname === '/') {
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(page.replace('<!--app-->', () => view(['Ada', 'Grace'])));
    return;
  }
  const type = types[extname(pathname)];
  // Only what the build has named: no path leads out of it.
  const file = type && /^\/assets\/[\w.-]+$/.test(pathname) ? await readFile(join(client, pathname)).catch(() => undefined) : undefined;
  if (file === undefined) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'public, max-age=31536000, immutable' }).end(file);
});
server.listen(Number(process.env.PORT ?? 3000), 'localhost', () => {
  const address = server.address();
  console.log(`http://localhost:${typeof address === 'object' ? address?.port : ''}/`);
});
