// This file is Nexxo as a page uses it: the package's main entry, as published.

/** Without the cache: what is timed is work. @param {object} settings */
export async function start(settings = { cache: false }) {
  const { createNexxo } = await import('/nexxo/index.js');
  const nexxo = await createNexxo(settings);
  return {
    async tiny() {
      const project = nexxo.createProject({ files: { 'main.ts': 'export const answer: number = 42' } });
      return (await project.build({ input: 'main.ts' })).outputFiles[0].text;
    },
    warmUp: () => nexxo.warmUp(),
    async memoryBytes() {
      return (await nexxo.ping()).memoryBytes;
    },
    /** @param {{ files: Record<string, string>, entry: string, minify: boolean }} request */
    async open({ files, entry, minify }) {
      const project = nexxo.createProject({ files });
      const options = {
        input: entry,
        platform: 'browser',
        transform: { jsx: 'automatic', target: 'esnext', define: { 'process.env.NODE_ENV': '"production"' } },
        output: { format: 'esm', minify, sourcemap: false, legalComments: 'none' },
        // A slow machine is to give a slow figure, not an error.
        limits: { deadlineMs: 600_000 },
      };
      let context;
      return {
        build: async () => outputs(await project.build(options)),
        async prepareRebuilds() {
          context = project.context(options);
          outputs(await context.rebuild());
        },
        /** @param {string} path @param {string} contents */
        async rebuild(path, contents) {
          project.write(path, contents);
          return outputs(await context.rebuild());
        },
        async close() {
          context?.dispose();
        },
      };
    },
  };
}

function outputs(result) {
  if (!result.ok) throw new Error(result.diagnostics.map((diagnostic) => `${diagnostic.code}: ${diagnostic.message}`).join('\n'));
  return result.outputFiles.map((file) => ({ name: file.fileName, contents: file.contents }));
}
