package cli

import (
	"embed"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const rootHelp = `Compose machines out of racks of composable hardware, change them while they run,
and give them back.

  composa demo                                       a server with emulated racks, to try
  composa compose train --gpu 4 --ssd 1 --nic 1      a machine
  composa plug train --gpu 2                         change it
  composa free train                                 give it back`

// topicFiles are the pages of `composa help TOPIC`, topics/TOPIC.txt.
//
//go:embed topics/*.txt
var topicFiles embed.FS

// topics says what each page is about, in the order in which help lists them.
var topics = []struct{ name, about string }{
	{"selectors", "choose devices by what they are"},
	{"units", "how sizes and speeds are written"},
	{"output", "how results are printed"},
	{"exit-codes", "what the exit codes mean"},
	{"environment", "what is read of the environment"},
}

// helpTopics are the pages as commands, which is how help finds them.
func helpTopics() []*cobra.Command {
	var cmds []*cobra.Command
	for _, t := range topics {
		text, err := topicFiles.ReadFile("topics/" + t.name + ".txt")
		if err != nil {
			continue // a page that is not written is not listed
		}
		long := strings.Replace(strings.TrimSpace(string(text)), "{{codes}}", exitCodesText(), 1)
		cmds = append(cmds, &cobra.Command{Use: t.name, Short: t.about, Long: long})
	}
	return cmds
}

// exitCodesText is the table of the exit codes.
func exitCodesText() string {
	var lines []string
	for _, e := range exitTexts {
		lines = append(lines, fmt.Sprintf("  %-3d  %s", e.code, e.text))
	}
	return strings.Join(lines, "\n")
}
