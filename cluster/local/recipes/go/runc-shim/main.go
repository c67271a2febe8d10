// The runc shim lets privileged containers start where this machine itself may not do everything.
//
// It stands in runc's place: what the capability bounding set lacks is taken out of the container's
// specification (of `create` and `run`, and of the process of `exec`), then the real runc takes over.
// On a machine with all capabilities it changes nothing and is not installed.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Capability numbers as in linux/capability.h: the place in the list is the bit.
var names = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
	LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
	SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE
	AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON
	BPF CHECKPOINT_RESTORE`)

// Where the real runc is: renamed inside a node, in its own place on the host.
var runcs = []string{"/usr/sbin/runc.real", "/usr/local/sbin/runc.real", "/usr/sbin/runc", "/usr/bin/runc"}

func allowed() (map[string]bool, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, err
	}
	_, rest, found := strings.Cut(string(status), "\nCapBnd:")
	if !found {
		return nil, fmt.Errorf("no CapBnd in /proc/self/status")
	}
	line, _, _ := strings.Cut(rest, "\n")
	bits, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err != nil {
		return nil, err
	}
	caps := map[string]bool{}
	for bit, name := range names {
		caps["CAP_"+name] = bits&(1<<bit) != 0
	}
	return caps, nil
}

// reduce takes what this machine may not give out of the process in the JSON file at path.
func reduce(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var spec map[string]any
	if err := json.Unmarshal(content, &spec); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	caps, err := allowed()
	if err != nil {
		return err
	}
	process, whole := spec["process"].(map[string]any)
	if !whole { // the file of `exec --process` is the process itself
		process = spec
	}
	sets, _ := process["capabilities"].(map[string]any)
	for set, values := range sets {
		kept := []any{}
		list, _ := values.([]any)
		for _, value := range list {
			if name, _ := value.(string); caps[name] {
				kept = append(kept, value)
			}
		}
		sets[set] = kept
	}
	if !caps["CAP_SYS_RESOURCE"] { // without it no limit may be raised and no OOM score lowered
		delete(process, "rlimits")
		if score, isNumber := process["oomScoreAdj"].(float64); isNumber && score < 0 {
			process["oomScoreAdj"] = 0
		}
	}
	content, err = json.Marshal(spec)
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

// specifications names the files in which these runc arguments describe a process.
func specifications(arguments []string) []string {
	bundle, process, creates := ".", "", false
	for i, argument := range arguments {
		name, value, joined := strings.Cut(argument, "=")
		if !joined && i+1 < len(arguments) {
			value = arguments[i+1]
		}
		switch name {
		case "--bundle", "-b":
			bundle = value
		case "--process", "-p":
			process = value
		case "create", "run":
			creates = creates || !joined
		}
	}
	files := []string{}
	if creates {
		files = append(files, filepath.Join(bundle, "config.json"))
	}
	if process != "" {
		files = append(files, process)
	}
	return files
}

func main() {
	for _, file := range specifications(os.Args[1:]) {
		if err := reduce(file); err != nil {
			fmt.Fprintln(os.Stderr, "runc-shim:", err)
			os.Exit(1)
		}
	}
	for _, runc := range runcs {
		if _, err := os.Stat(runc); err == nil {
			fmt.Fprintln(os.Stderr, syscall.Exec(runc, append([]string{"runc"}, os.Args[1:]...), os.Environ()))
			os.Exit(1)
		}
	}
	fmt.Fprintln(os.Stderr, "runc-shim: no runc in", strings.Join(runcs, ", "))
	os.Exit(1)
}
