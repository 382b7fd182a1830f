// This file uses the package as its README says, and shows what came of it.

import { createNexxo } from 'nexxo';

const nexxo = await createNexxo();
const project = nexxo.createProject({
  files: {
    'src/main.ts': `import { greet } from './greet'; export const text: string = greet('Vite');`,
    'src/greet.ts': 'export const greet = (name: string) => `Hello, ${name}!`;',
  },
});
const result = await project.build({ input: 'src/main.ts' });
const [file] = result.outputFiles;
const { text } = await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(file.text)}`);
document.querySelector('#result').value = text;
nexxo.dispose();
