// Runs tests/*.test.ts in Node, or those named (`npm test -- live`). What is live needs a bridge (BRIDGE_URL).
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { build } from 'esbuild'

const named = process.argv.slice(2).map((name) => `${name}.test.ts`)
const files = named.length ? named : readdirSync('tests').filter((name) => name.endsWith('.test.ts'))
await build({
  entryPoints: files.map((name) => `tests/${name}`),
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  outdir: 'dist/tests',
  sourcemap: 'inline',
})
const bundles = files.map((name) => `dist/tests/${name.replace(/\.ts$/, '.cjs')}`)
const run = spawnSync(process.execPath, ['--enable-source-maps', '--test', ...bundles], { stdio: 'inherit' })
process.exit(run.status ?? 1)
