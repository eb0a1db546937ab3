// require() for a page: just enough to load the client's files from npm as they are. The server has them under /node_modules.

const modules = new Map();

function fetched(path) {
  const request = new XMLHttpRequest();
  request.open("GET", path, false);
  request.send();
  if (request.status !== 200) throw new Error(`${path}: status ${request.status}`);
  return request.responseText;
}

function main_file(name) {
  const about = JSON.parse(fetched(`/node_modules/${name}/package.json`));
  return new URL(about.exports?.["."] ?? about.main, `http://x/node_modules/${name}/`).pathname;
}

function load(path) {
  if (modules.has(path)) return modules.get(path).exports;
  const module = { exports: {} };
  modules.set(path, module);
  const beside = (name) => new URL(name.endsWith(".js") ? name : `${name}.js`, `http://x${path}`).pathname;
  const inner = (name) => load(name.startsWith(".") ? beside(name) : main_file(name));
  new Function("exports", "require", "module", `${fetched(path)}\n//# sourceURL=${path}`)(module.exports, inner, module);
  return module.exports;
}

globalThis.require = (name) => load(main_file(name));
